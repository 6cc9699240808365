import { ADMIN_GROUP_DN, BASE_DN, knownEntries } from '../../components/ldap/index.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { filterValue } from '../../lib/ldap/escape.ts';
import { valuesOf } from '../../lib/ldap/types.ts';
import type { Target } from './desired.ts';
import { refuseForeign } from './observe.ts';
import { ZOO_MARK } from './options.ts';
import { planFor, type Work, type WorkPlan } from './write.ts';
import { zoo } from './zoo.ts';

type Reader = Pick<LdapClient, 'read' | 'search'>;

/** What to do so that the broken entries of the zoo are all there, as broken as they should be. */
export async function planZoo(client: Pick<Reader, 'read'>): Promise<WorkPlan> {
  const wanted = zoo().map(({ label, entry, admin }): Target => {
    const membership = { dn: ADMIN_GROUP_DN, attributes: { member: [entry.dn] } };
    return {
      kind: admin ? 'admin' : 'tool',
      name: label,
      main: entry,
      entries: admin ? [entry, membership] : [entry],
    };
  });
  const names = [ADMIN_GROUP_DN, ...wanted.map(({ main }) => main.dn)];
  const found = await Promise.all(names.map((dn) => client.read(dn, ['*'])));
  const known = knownEntries(found.filter((entry) => entry !== undefined));
  refuseForeign(wanted, known, ZOO_MARK);
  return planFor(wanted, known);
}

/** What to do so that nothing of the zoo is left. */
export async function planZooRemoval(client: Reader): Promise<WorkPlan> {
  const filter = `(description=${filterValue(ZOO_MARK)})`;
  const found = await client.search(BASE_DN, { filter, attributes: ['1.1'] });
  const work = found.map(({ dn }): Work => {
    // Not tools to the cluster: it never made anything of them.
    return { name: dn, kind: 'delete', account: false, changes: [{ kind: 'delete', dn }] };
  });
  return { work: [...(await leaveAdminGroup(client)), ...work], unchanged: 0 };
}

async function leaveAdminGroup(client: Reader): Promise<Work[]> {
  const group = await client.read(ADMIN_GROUP_DN, ['member']);
  const ours = new Set(zoo().map(({ entry }) => entry.dn));
  const member = (group === undefined ? [] : valuesOf(group, 'member')).filter((dn) => ours.has(String(dn)));
  if (member.length === 0) return [];
  const change = { kind: 'delete-values' as const, dn: ADMIN_GROUP_DN, attributes: { member } };
  return [{ name: 'group of admins', kind: 'change', account: false, changes: [change] }];
}
