import { keyOf, type AccountId, type SkippedEntry } from '../accounts/account.ts';
import type { DirectoryAnswer } from '../accounts/read-entries.ts';
import type { Desired } from '../difference/desired.ts';
import type { Observed } from '../difference/observed.ts';
import { errorLine } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { NAMED, type MaintainKubeusersStatus } from '../status-report.ts';
import type { Evaluation } from './reconciler.ts';
import type { Failing } from './work-queue.ts';

/** How the accounts stand, of one evaluation and of what failed so far. */
export type AccountSummary = Pick<MaintainKubeusersStatus, 'accounts' | 'skipped' | 'problems'>;

/** Before the directory has answered. */
export const NO_ACCOUNTS: AccountSummary = {
  accounts: { total: 0, ready: 0, pending: 0, disabled: 0, skipped: 0, leaving: 0 },
  skipped: [],
  problems: [],
};

/** While nobody can say what accounts are to have, none counts as ready. */
export function summarizeUnknown({ accounts, skipped }: DirectoryAnswer, why: unknown): AccountSummary {
  const disabled = accounts.filter((account) => account.disabled).length;
  return {
    accounts: {
      ...NO_ACCOUNTS.accounts,
      total: accounts.length + skipped.length,
      pending: accounts.length - disabled,
      disabled,
      skipped: skipped.length,
    },
    skipped: named(skipped),
    problems: [{ account: 'all accounts', problem: errorLine(why) }],
  };
}

export function summarize(
  { desired, observed, actions, blocked }: Evaluation,
  failing: readonly Failing[],
  /** When a failing account is tried again, as a time that people read. */
  timeOf: (failing: Failing) => string,
): AccountSummary {
  const pending = new Set([...actions, ...blocked, ...failing].map(({ id }) => keyOf(id)));
  const counts = { ready: 0, pending: 0, disabled: 0 };
  for (const [key, { account }] of desired.accounts) {
    if (account.disabled) counts.disabled += 1;
    else if (pending.has(key)) counts.pending += 1;
    else counts.ready += 1;
  }
  const isPending = (id: AccountId): boolean => desired.accounts.get(keyOf(id))?.account.disabled === false;
  const failed = failing.map((each) => ({
    account: keyOf(each.id),
    problem: errorLine(each.error),
    pending: isPending(each.id),
    nextTry: timeOf(each),
  }));
  const stuck = blocked.map(({ id, reason }) => ({ account: keyOf(id), problem: reason, pending: true }));
  const kept = [...observed].flatMap(([account, { enabled, disabled }]) =>
    [...(enabled?.resources ?? []), ...(disabled?.resources ?? [])].flatMap(([resource, { problem }]) =>
      problem === undefined ? [] : [{ account, problem: `${resource}: ${problem}` }],
    ),
  );
  return {
    accounts: {
      total: desired.accounts.size + desired.skipped.length,
      ...counts,
      skipped: desired.skipped.length,
      leaving: leavingOf(desired, observed),
    },
    skipped: named(desired.skipped),
    // First those that keep an account from being ready: whoever waits for accounts looks for them.
    problems: [
      ...stuck,
      ...failed.sort((left, right) => Number(right.pending) - Number(left.pending)),
      ...kept,
    ].slice(0, NAMED),
  };
}

function named(skipped: readonly SkippedEntry[]): AccountSummary['skipped'] {
  return skipped.slice(0, NAMED).map(({ entry, reason }) => ({ entry, reason }));
}

/** Accounts that the directory does not have any more, and of which there still is something. */
function leavingOf({ accounts, skipped }: Desired, observed: Observed): number {
  const kept = new Set(skipped.flatMap(({ type, names }) => names.map((name) => keyOf({ type, name }))));
  return [...observed.keys()].filter((key) => !accounts.has(key) && !kept.has(key)).length;
}

/** The same in metrics. */
export function measure(evaluation: Evaluation, failing: readonly Failing[], metrics: Metrics): void {
  const { desired, observed, actions, blocked } = evaluation;
  const pending = new Set([...actions, ...blocked, ...failing].map(({ id }) => keyOf(id)));
  const counts = new Map<string, number>();
  for (const [key, { account }] of desired.accounts) {
    const status = account.disabled ? 'disabled' : pending.has(key) ? 'pending' : 'ready';
    const label = `${account.type}/${status}`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  for (const account_type of ['tool', 'admin']) {
    for (const status of ['ready', 'pending', 'disabled']) {
      metrics.accounts.set({ account_type, status }, counts.get(`${account_type}/${status}`) ?? 0);
    }
  }
  metrics.skipped.reset();
  for (const { reason } of desired.skipped) metrics.skipped.inc({ reason });
  let first = Number.POSITIVE_INFINITY;
  const problems = new Set([...blocked, ...failing].map(({ id }) => keyOf(id)));
  for (const [key, { enabled, disabled }] of observed) {
    first = Math.min(first, enabled?.certificate?.until ?? first);
    const resources = [...(enabled?.resources.values() ?? []), ...(disabled?.resources.values() ?? [])];
    if (resources.some(({ problem }) => problem !== undefined)) problems.add(key);
  }
  // Without a certificate there is no time at which one ends.
  if (Number.isFinite(first)) metrics.certificateExpiry.set(first / 1000);
  else metrics.certificateExpiry.remove();
  metrics.problems.set(problems.size);
  metrics.massDeleteBlocked.set(evaluation.objection === undefined ? 0 : 1);
}
