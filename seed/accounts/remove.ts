import { ADMIN_GROUP_DN, personDn, PROJECT, type KnownEntries } from '../../components/ldap/index.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { valuesOf, type LdapChange, type LdapEntry } from '../../lib/ldap/types.ts';
import { maintainersOf, personName } from './desired.ts';
import { isMarked, observe } from './observe.ts';
import { markOf } from './options.ts';
import type { Work, WorkPlan } from './write.ts';

/**
 * What to do so that the first `count` tools of a prefix are gone, or all of them without a count; people go with the
 * last tool that they maintain, admins with the last tool of the prefix. Entries without our mark stay.
 */
export async function planRemoval(
  client: LdapClient,
  prefix: string,
  count: number | undefined,
): Promise<WorkPlan> {
  return removalFor(await observe(client, prefix), prefix, count);
}

export function removalFor(known: KnownEntries, prefix: string, count: number | undefined): WorkPlan {
  const ours = [...known.values()].filter((entry) => isMarked(entry, markOf(prefix)));
  const { tools, people } = sortOut(ours);
  const going = [...tools].filter(([name]) => count === undefined || numberOf(name, prefix) <= count);
  const staying = [...tools.keys()].filter((name) => count !== undefined && numberOf(name, prefix) > count);
  const needed = new Set(
    staying.flatMap((name) =>
      maintainersOf(numberOf(name, prefix)).map((number) => personName(prefix, number)),
    ),
  );
  const neededDns = new Set([...needed].map((name) => personDn(name).toLowerCase()));
  const leaving = people.filter(({ dn }) =>
    isAdmin(dn, prefix) ? staying.length === 0 : !neededDns.has(dn.toLowerCase()),
  );
  const work: Work[] = [
    ...going.map(([name, entries]): Work => ({
      name,
      kind: 'delete',
      account: true,
      changes: entries.map(deletion),
    })),
    ...leaveAdminGroup(known, leaving),
    ...leaving.map((entry): Work => {
      return {
        name: entry.dn,
        kind: 'delete',
        account: isAdmin(entry.dn, prefix),
        changes: [deletion(entry)],
      };
    }),
  ];
  return { work, unchanged: staying.length };
}

/** The entries of each tool by its name, and everything else: people. */
function sortOut(entries: readonly LdapEntry[]): {
  readonly tools: ReadonlyMap<string, readonly LdapEntry[]>;
  readonly people: readonly LdapEntry[];
} {
  const tools = new Map<string, LdapEntry[]>();
  const people: LdapEntry[] = [];
  for (const entry of entries) {
    const [cn] = valuesOf(entry, 'cn');
    if (typeof cn !== 'string' || !cn.startsWith(`${PROJECT}.`)) {
      people.push(entry);
      continue;
    }
    const name = cn.slice(PROJECT.length + 1);
    tools.set(name, [...(tools.get(name) ?? []), entry]);
  }
  return { tools, people };
}

/** `seed-0042` is 42. A tool with our mark and no number was renamed by someone; it is the last to go. */
function numberOf(name: string, prefix: string): number {
  const digits = name.startsWith(`${prefix}-`) ? name.slice(prefix.length + 1) : '';
  return /^\d+$/.test(digits) ? Number(digits) : Number.MAX_SAFE_INTEGER;
}

function deletion({ dn }: LdapEntry): LdapChange {
  return { kind: 'delete', dn };
}

function isAdmin(dn: string, prefix: string): boolean {
  return dn.toLowerCase().startsWith(`uid=${prefix}-admin-`);
}

function leaveAdminGroup(known: KnownEntries, leaving: readonly LdapEntry[]): Work[] {
  const group = known.get(ADMIN_GROUP_DN.toLowerCase());
  const going = new Set(leaving.map(({ dn }) => dn.toLowerCase()));
  const members = (group === undefined ? [] : valuesOf(group, 'member')).filter(
    (member) => typeof member === 'string' && going.has(member.toLowerCase()),
  );
  if (members.length === 0) return [];
  const change: LdapChange = { kind: 'delete-values', dn: ADMIN_GROUP_DN, attributes: { member: members } };
  return [{ name: 'group of admins', kind: 'change', account: false, changes: [change] }];
}
