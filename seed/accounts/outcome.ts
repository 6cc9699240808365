import type { RefusedChange } from '../../components/ldap/index.ts';
import { formatCount, formatRate } from '../../lib/bulk-progress.ts';
import { Failure } from '../../lib/errors.ts';

/** What a run did, in tools and people. */
export interface SeedAccountsOutcome {
  readonly created: number;
  readonly changed: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly refused: readonly RefusedChange[];
  /** Of the writing alone. */
  readonly seconds: number;
}

export const NOTHING: SeedAccountsOutcome = {
  created: 0,
  changed: 0,
  deleted: 0,
  unchanged: 0,
  refused: [],
  seconds: 0,
};

/** Both together. */
export function add(one: SeedAccountsOutcome, other: SeedAccountsOutcome): SeedAccountsOutcome {
  return {
    created: one.created + other.created,
    changed: one.changed + other.changed,
    deleted: one.deleted + other.deleted,
    unchanged: one.unchanged + other.unchanged,
    refused: [...one.refused, ...other.refused],
    seconds: one.seconds + other.seconds,
  };
}

/** `4,000 created, 3,100/s` */
export function describe({
  created,
  changed,
  deleted,
  unchanged,
  refused,
  seconds,
}: SeedAccountsOutcome): string {
  const written = created + changed + deleted;
  const counts = { created, changed, deleted, unchanged, refused: refused.length };
  const named = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${formatCount(count)} ${name}`);
  const rate = written > 0 && seconds > 0 ? [`${formatRate(written / seconds)}/s`] : [];
  return [...(named.length === 0 ? ['nothing to do'] : named), ...rate].join(', ');
}

/** The failure that a run ends in when the server refused something. */
export function incomplete(refused: readonly RefusedChange[]): Failure {
  const reasons = refused.slice(0, 5).map(({ change, error }) => `${change.dn}: ${error.why ?? error.what}`);
  return new Failure({
    kind: 'incomplete',
    what: `LDAP refused ${formatCount(refused.length)} changes; the others were made`,
    why: reasons.join('\n'),
    hint: 'Look at the reasons, and run the command again.',
  });
}
