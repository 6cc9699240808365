import { personDn, personEntry, toolEntries, type Person, type ToolAccount } from './accounts.ts';
import { ADMIN_GROUP_DN, PROJECT, type WantedEntry } from './tree.ts';

/** The accounts that every local environment has (TOOLFORGE.md, section 3: those of lima-kilo), and one admin. */

export const DEFAULT_ADMIN: Person = { name: 'tf-admin', fullName: 'Toolforge Admin', uidNumber: 40001 };

export const DEFAULT_TOOLS: readonly ToolAccount[] = [
  { name: 'tf-test', uid: 50001, maintainers: [DEFAULT_ADMIN.name] },
  { name: 'tf-test2', uid: 50002, maintainers: [DEFAULT_ADMIN.name] },
  { name: 'fourohfour', uid: 50003, maintainers: [DEFAULT_ADMIN.name] },
];

/** Group of the admins; members beyond the default one are left alone (`seed-accounts` adds some, people may too). */
const ADMIN_GID = 50004;

export function defaultEntries(): WantedEntry[] {
  return [
    personEntry(DEFAULT_ADMIN),
    {
      dn: ADMIN_GROUP_DN,
      attributes: {
        objectClass: ['groupOfNames', 'posixGroup'],
        cn: [`${PROJECT}.admin`],
        gidNumber: [String(ADMIN_GID)],
        member: [personDn(DEFAULT_ADMIN.name)],
      },
    },
    ...DEFAULT_TOOLS.flatMap((tool) => toolEntries(tool)),
  ];
}
