import { BASE_DN, knownEntries } from '../../components/ldap/index.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { filterValue } from '../../lib/ldap/escape.ts';
import type { Target } from './desired.ts';
import { refuseForeign } from './observe.ts';
import { ZOO_MARK } from './options.ts';
import { planFor, type Work, type WorkPlan } from './write.ts';
import { zoo } from './zoo.ts';

/** What to do so that the broken entries of the zoo are all there, as broken as they should be. */
export async function planZoo(client: LdapClient): Promise<WorkPlan> {
  const wanted = zoo().map(({ label, entry }): Target => {
    return { kind: 'tool', name: label, main: entry, entries: [entry] };
  });
  const found = await Promise.all(wanted.map(({ main }) => client.read(main.dn, ['*'])));
  const known = knownEntries(found.filter((entry) => entry !== undefined));
  refuseForeign(wanted, known, ZOO_MARK);
  return planFor(wanted, known);
}

/** What to do so that nothing of the zoo is left. */
export async function planZooRemoval(client: LdapClient): Promise<WorkPlan> {
  const filter = `(description=${filterValue(ZOO_MARK)})`;
  const found = await client.search(BASE_DN, { filter, attributes: ['1.1'] });
  const work = found.map(({ dn }): Work => {
    // Not tools to the cluster: it never made anything of them.
    return { name: dn, kind: 'delete', account: false, changes: [{ kind: 'delete', dn }] };
  });
  return { work, unchanged: 0 };
}
