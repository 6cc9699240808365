import { type Account, type AccountId } from '../accounts/account.ts';
import { CERTIFICATE_KIND } from '../resources/index.ts';
import type { AccountState, ResourceState, Validity } from '../state.ts';
import type { Desired, DesiredAccount } from './desired.ts';
import type { Observed, ObservedAccount } from './observed.ts';

export const ACTION_KINDS = ['create', 'enable', 'upgrade', 'repair', 'renew', 'disable', 'delete'] as const;
export type ActionKind = (typeof ACTION_KINDS)[number];

/** What is to be done for one account. */
export interface Action {
  readonly kind: ActionKind;
  readonly id: AccountId;
  /** Absent when the account is gone from the directory. */
  readonly account?: Account;
  /** What there is of it; absent when there is nothing. */
  readonly found?: ObservedAccount;
  /** Resources to apply, in this order. */
  readonly apply: readonly string[];
  /** Resources that were made and are not wanted any more. */
  readonly remove: readonly string[];
  /** Why, for people: `limit-range, policy changed`. */
  readonly reason: string;
}

/** An account that something has to be done for, and cannot be yet. */
export interface Blocked {
  readonly id: AccountId;
  readonly reason: string;
}

export interface Difference {
  readonly actions: readonly Action[];
  readonly blocked: readonly Blocked[];
}

/** What counts as due. All in milliseconds. */
export interface Due {
  readonly now: number;
  /** Certificates that end within this time are renewed; short ones when a third of their time is left. */
  readonly renewBefore: number;
  /** How long a resource with a problem that a person has to solve is left alone. */
  readonly retryProblems: number;
}

/** Clocks of a laptop and its virtual machine differ a little; the signer dates certificates back by this much. */
const CLOCK_TOLERANCE = 5 * 60_000;

/**
 * Accounts that nothing had to be done for, each with the desired account that it was compared with and the time for which
 * that holds: thousands of them are not compared again until one side is another object.
 */
export type Settled = WeakMap<
  ObservedAccount,
  { readonly wanted: DesiredAccount; readonly from: number; readonly until: number }
>;

/**
 * What has to be done to get from what is observed to what is desired: at most one action an account.
 * @param settled of earlier comparisons; changes nothing but how long it takes
 */
export function computeDifference(
  desired: Desired,
  observed: Observed,
  due: Due,
  settled: Settled = new WeakMap(),
): Difference {
  const actions: Action[] = [];
  const blocked: Blocked[] = [];
  for (const [key, wanted] of desired.accounts) {
    const found = observed.get(key);
    if (found !== undefined && isSettled(settled.get(found), wanted, due)) continue;
    const { account } = wanted;
    if (account.disabled) {
      const action = disable(wanted, found, due);
      if (action !== undefined) actions.push(action);
    } else if (found?.namespace === 'terminating') {
      blocked.push({ id: account, reason: 'its old namespace is still being deleted' });
    } else {
      const action = enable(wanted, found, due);
      if (action !== undefined) actions.push(action);
      else if (found !== undefined) settle(settled, wanted, found, due);
    }
  }
  actions.push(...removals(desired, observed));
  return { actions, blocked };
}

function isSettled(known: ReturnType<Settled['get']>, wanted: DesiredAccount, { now }: Due): boolean {
  return known?.wanted === wanted && now >= known.from && now < known.until;
}

/** Until its certificate is due for renewal. A problem that a person has to solve is due at other times: not settled. */
function settle(
  settled: Settled,
  wanted: DesiredAccount,
  found: ObservedAccount,
  { renewBefore }: Due,
): void {
  const { certificate, resources } = found.enabled ?? {};
  if ([...(resources?.values() ?? [])].some(({ problem }) => problem !== undefined)) return;
  const from = certificate === undefined ? Number.NEGATIVE_INFINITY : certificate.from - CLOCK_TOLERANCE;
  const until = certificate === undefined ? Number.POSITIVE_INFINITY : renewAt(certificate, renewBefore);
  settled.set(found, { wanted, from, until });
}

function enable(wanted: DesiredAccount, found: ObservedAccount | undefined, due: Due): Action | undefined {
  const { account, resources } = wanted;
  const state = found?.enabled;
  const id = { type: account.type, name: account.name };
  const everything = [...resources.keys()];
  if (state === undefined) {
    const base = { id, account, ...foundPart(found), apply: everything, remove: [] };
    if (found?.disabled !== undefined) return { ...base, kind: 'enable', reason: 'unlocked' };
    if (found?.namespace === undefined) return { ...base, kind: 'create', reason: 'new' };
    return { ...base, kind: 'repair', reason: 'its namespace is there, but no record of what it holds' };
  }
  const changed = everything.filter((name) => state.resources.get(name)?.definition !== resources.get(name));
  const dueProblems = everything.filter((name) => isDue(state.resources.get(name), due));
  const remove = [...state.resources.keys()].filter((name) => !resources.has(name));
  const renewal = resources.has(CERTIFICATE_KIND) ? renewalReason(state, due) : undefined;
  const apply = everything.filter(
    (name) =>
      changed.includes(name) ||
      dueProblems.includes(name) ||
      (name === CERTIFICATE_KIND && renewal !== undefined),
  );
  const base = { id, account, ...foundPart(found), apply, remove };
  if (found?.disabled !== undefined) return { ...base, kind: 'enable', reason: 'unlocked' };
  if (!state.complete) return { ...base, kind: 'create', reason: 'not finished' };
  if (changed.length + remove.length > 0) {
    const parts = [
      ...(changed.length > 0 ? [`${changed.join(', ')} changed`] : []),
      ...(remove.length > 0 ? [`${remove.join(', ')} not wanted any more`] : []),
    ];
    return { ...base, kind: 'upgrade', reason: parts.join('; ') };
  }
  if (renewal !== undefined) return { ...base, kind: 'renew', reason: renewal };
  if (dueProblems.length > 0)
    return { ...base, kind: 'repair', reason: `${dueProblems.join(', ')} had a problem` };
  return undefined;
}

function foundPart(found: ObservedAccount | undefined): { found?: ObservedAccount } {
  return found === undefined ? {} : { found };
}

function renewalReason({ certificate }: AccountState, { now, renewBefore }: Due): string | undefined {
  if (certificate === undefined) return 'when its certificate ends is not recorded';
  if (now > renewAt(certificate, renewBefore)) return 'its certificate is about to end';
  // Issued while the clock was wrong.
  if (certificate.from > now + CLOCK_TOLERANCE) return 'its certificate is not valid yet';
  return undefined;
}

/** One that lives no longer than `renewBefore` would be due again as soon as it is issued. */
function renewAt({ from, until }: Validity, renewBefore: number): number {
  return until - Math.min(renewBefore, (until - from) / 3);
}

/** A time in the future says that the clock jumped, not that there is time. */
function isDue(state: ResourceState | undefined, { now, retryProblems }: Due): boolean {
  if (state?.problem === undefined) return false;
  const { triedAt } = state;
  return triedAt === undefined || triedAt > now || now - triedAt >= retryProblems;
}

function disable(wanted: DesiredAccount, found: ObservedAccount | undefined, due: Due): Action | undefined {
  const { account, resources } = wanted;
  const record = found?.disabled;
  const apply = [...resources.keys()].filter((name) => {
    const recorded = record?.resources.get(name);
    return recorded?.definition !== resources.get(name) || isDue(recorded, due);
  });
  // A namespace on its way out needs nothing more from us, however long it takes.
  const alive = found?.namespace === 'active' || (account.type === 'admin' && found?.enabled !== undefined);
  if (apply.length === 0 && !alive) return undefined;
  return {
    kind: 'disable',
    id: { type: account.type, name: account.name },
    account,
    ...foundPart(found),
    apply,
    remove: [...(found?.enabled?.resources.keys() ?? [])],
    reason: 'locked',
  };
}

/** What exists for accounts that the directory no longer has. Entries that could not be read protect their names. */
function removals(desired: Desired, observed: Observed): Action[] {
  const protectedKeys = new Set(
    desired.skipped.flatMap(({ type, names }) => names.map((name) => `${type}/${name}`)),
  );
  const actions: Action[] = [];
  for (const [key, found] of observed) {
    if (desired.accounts.has(key) || protectedKeys.has(key)) continue;
    const { id, namespace, enabled, disabled } = found;
    const leaving = namespace === 'terminating' && disabled === undefined;
    if (leaving) continue;
    const remove = [...(enabled?.resources.keys() ?? [])];
    actions.push({ kind: 'delete', id, found, apply: [], remove, reason: 'gone from the directory' });
  }
  return actions;
}
