import {
  applyTogether,
  changesFor,
  type KnownEntries,
  type RefusedChange,
} from '../../components/ldap/index.ts';
import type { BulkMeter } from '../../lib/bulk.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import type { LdapChange } from '../../lib/ldap/types.ts';
import { targets, type Target } from './desired.ts';
import { observe, refuseForeign } from './observe.ts';
import { markOf, type SeedAccountsOptions } from './options.ts';

/** What is left to do for one target. */
export interface Work {
  readonly name: string;
  readonly kind: 'create' | 'change' | 'delete';
  /** Whether it is an account, a tool or an admin, of which the cluster makes something; not a mere maintainer. */
  readonly account: boolean;
  readonly changes: readonly LdapChange[];
}

export interface WorkPlan {
  readonly work: readonly Work[];
  /** Tools and admins that are as they should be. */
  readonly unchanged: number;
}

/**
 * Looks what is there and says what is missing or different.
 * @throws Failure `foreign` when entries have our names but were not made by us
 */
export async function planSeed(client: LdapClient, options: SeedAccountsOptions): Promise<WorkPlan> {
  const known = await observe(client, options.prefix);
  const wanted = [...targets(options)];
  refuseForeign(wanted, known, markOf(options.prefix));
  return planFor(wanted, known);
}

export function planFor(wanted: Iterable<Target>, known: KnownEntries): WorkPlan {
  const work: Work[] = [];
  let unchanged = 0;
  for (const { name, main, entries } of wanted) {
    const changes = entries.flatMap((entry) => changesFor(entry, known));
    if (changes.length === 0) unchanged += 1;
    else
      work.push({
        name,
        kind: known.has(main.dn.toLowerCase()) ? 'change' : 'create',
        account: true,
        changes,
      });
  }
  return { work, unchanged };
}

/**
 * How many targets go into one transaction. One change a transaction is bound by the disk (850 a second measured); from
 * some hundred changes on nothing more is gained (6,500 a second), and a person sees a bar that moves.
 */
const BATCH = 100;

/**
 * Does the work, a batch a transaction. A kill in between leaves whole batches, so never half a tool.
 * @returns what the server refused
 * @throws LdapError when the server does not answer
 */
export async function doWork(
  client: LdapClient,
  work: readonly Work[],
  meter: BulkMeter,
): Promise<RefusedChange[]> {
  const refused: RefusedChange[] = [];
  for (let from = 0; from < work.length; from += BATCH) {
    const batch = work.slice(from, from + BATCH);
    const changes = batch.flatMap(({ changes }) => changes);
    const failed = await applyTogether(client, changes);
    refused.push(...failed);
    const faulty = new Set(failed.map(({ change }) => change));
    for (const target of batch) meter.settle(!target.changes.some((change) => faulty.has(change)));
  }
  return refused;
}
