import {
  ADMIN_GROUP_DN,
  BASE_DN,
  knownEntries,
  PROJECT,
  type KnownEntries,
} from '../../components/ldap/index.ts';
import { Failure } from '../../lib/errors.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { filterValue } from '../../lib/ldap/escape.ts';
import { valuesOf, type LdapEntry } from '../../lib/ldap/types.ts';
import type { Target } from './desired.ts';
import { markOf } from './options.ts';

/** All attributes that a user may set; operational ones are not ours to compare. */
const USER_ATTRIBUTES = ['*'];

/**
 * Every entry that has the prefix in its name or its mark in it, and the group of admins.
 * @throws Failure `cluster` when the tree is not there
 */
export async function observe(client: LdapClient, prefix: string): Promise<KnownEntries> {
  const mark = filterValue(markOf(prefix));
  const filter = `(|(cn=${PROJECT}.${prefix}-*)(uid=${prefix}-*)(description=${mark}))`;
  const admins = await client.read(ADMIN_GROUP_DN, USER_ATTRIBUTES);
  if (admins === undefined) {
    throw new Failure({
      kind: 'cluster',
      what: "LDAP does not have Toolforge's tree",
      hint: 'An `up` was interrupted early: run `npm run up` again.',
    });
  }
  return knownEntries([admins, ...(await client.search(BASE_DN, { filter, attributes: USER_ATTRIBUTES }))]);
}

/** Whether `seed-accounts` made the entry. */
export function isMarked(entry: LdapEntry, mark: string): boolean {
  return valuesOf(entry, 'description').includes(mark);
}

/** @throws Failure `foreign` when entries have our names but not our mark: nothing was written yet */
export function refuseForeign(wanted: readonly Target[], known: KnownEntries, mark: string): void {
  const foreign: string[] = [];
  for (const { dn } of wanted.flatMap(({ entries }) => entries)) {
    const entry = known.get(dn.toLowerCase());
    if (entry !== undefined && dn !== ADMIN_GROUP_DN && !isMarked(entry, mark)) foreign.push(dn);
  }
  const [first, ...others] = foreign;
  if (first === undefined) return;
  throw new Failure({
    kind: 'foreign',
    what: `LDAP has ${first}${others.length === 0 ? '' : ` and ${others.length} more`}, not made by seed-accounts`,
    why: `${others.length === 0 ? 'it lacks' : 'they lack'} the description "${mark}"`,
    hint: 'Nothing was changed. Choose other names with --prefix.',
  });
}
