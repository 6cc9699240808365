import { rdn } from '../../lib/ldap/escape.ts';
import type { LdapValue } from '../../lib/ldap/types.ts';
import { GROUPS_DN, PEOPLE_DN, PROJECT, TOOLS_DN, type WantedEntry } from './tree.ts';

/** A tool: what its two entries, account and group, are made from. */
export interface ToolAccount {
  /** `tf-test` */
  readonly name: string;
  /** Its uidNumber, and its group's gidNumber. */
  readonly uid: number;
  /** Shell names of the people who may become the tool. */
  readonly maintainers: readonly string[];
}

export interface Person {
  /** The shell name: `uid` in LDAP. */
  readonly name: string;
  /** `cn` in LDAP. */
  readonly fullName: string;
  readonly uidNumber: number;
}

/** Production's root of tool homes. LDAP holds this path; where the homes are on this machine is the cluster's business. */
export const TOOL_HOMES = '/data/project';
/** The primary group of people in production (`wikidev`). */
const PEOPLE_GID = 500;

export function toolDn(name: string): string {
  return `${rdn('uid', `${PROJECT}.${name}`)},${TOOLS_DN}`;
}

export function toolGroupDn(name: string): string {
  return `${rdn('cn', `${PROJECT}.${name}`)},${GROUPS_DN}`;
}

export function personDn(name: string): string {
  return `${rdn('uid', name)},${PEOPLE_DN}`;
}

/** A tool's account and its group. @param description marks who made the entries */
export function toolEntries(tool: ToolAccount, description?: string): [WantedEntry, WantedEntry] {
  const name = `${PROJECT}.${tool.name}`;
  const number = [String(tool.uid)];
  return [
    {
      dn: toolDn(tool.name),
      attributes: {
        objectClass: ['person', 'posixAccount', 'shadowAccount'],
        uid: [name],
        cn: [name],
        sn: [name],
        uidNumber: number,
        gidNumber: number,
        homeDirectory: [`${TOOL_HOMES}/${tool.name}`],
        loginShell: ['/bin/bash'],
        ...marked(description),
      },
    },
    {
      dn: toolGroupDn(tool.name),
      attributes: {
        objectClass: ['groupOfNames', 'posixGroup'],
        cn: [name],
        gidNumber: number,
        // A groupOfNames has at least one member: in production too, the tool itself is one.
        member: [toolDn(tool.name), ...tool.maintainers.map(personDn)],
        ...marked(description),
      },
    },
  ];
}

export function personEntry(person: Person, description?: string): WantedEntry {
  return {
    dn: personDn(person.name),
    attributes: {
      objectClass: ['inetOrgPerson', 'posixAccount', 'shadowAccount'],
      uid: [person.name],
      cn: [person.fullName],
      sn: [person.name],
      uidNumber: [String(person.uidNumber)],
      gidNumber: [String(PEOPLE_GID)],
      homeDirectory: [`/home/${person.name}`],
      loginShell: ['/bin/bash'],
      ...marked(description),
    },
  };
}

function marked(description: string | undefined): Record<string, readonly LdapValue[]> {
  return description === undefined ? {} : { description: [description] };
}
