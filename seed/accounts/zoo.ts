import { personDn, PROJECT, TOOL_HOMES, toolDn, type WantedEntry } from '../../components/ldap/index.ts';
import type { LdapAttributes, LdapValue } from '../../lib/ldap/types.ts';
import { ZOO_MARK } from './options.ts';

/** What is wrong with an entry of the zoo. */
export type Flaw =
  | 'name too long'
  | 'name not RFC 1123'
  | 'name used twice'
  | "name is an admin's"
  | 'several names'
  | 'project spelled otherwise'
  | 'uid missing'
  | 'uid used twice'
  | 'uid out of range'
  | 'home missing'
  | 'home outside the data directory'
  | "home is another tool's"
  | 'not UTF-8';

/** An entry that a client of LDAP must survive: it names nothing that may become a namespace. */
export interface ZooAnimal {
  /** The `uid` of the entry without the project: plain, whatever is wrong elsewhere. */
  readonly label: string;
  readonly flaw: Flaw;
  readonly entry: WantedEntry;
  /** A person who is to be a member of the group of admins. */
  readonly admin: boolean;
}

/** Between the default accounts (50001 to 50003) and the first block of seeded ones (from 60001). */
const FIRST_UID = 58_000;

interface Deviation {
  readonly label: string;
  readonly flaw: Flaw;
  /** The tool's name as `cn` tells it; default: the label. */
  readonly name?: string;
  /** Not a tool, but an admin. */
  readonly admin?: true;
  /** Replaces attributes of an entry that would be fine; no values leaves the attribute out. */
  readonly attributes?: LdapAttributes;
}

const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const home = (value: LdapValue): LdapAttributes => ({ homeDirectory: [value] });
const uid = (number: string): LdapAttributes => ({ uidNumber: [number], gidNumber: [number] });

/** Production's limit is fewer than 54 characters: 54 is the first that is too long (TOOLFORGE.md, section 4). */
const DEVIATIONS: readonly Deviation[] = [
  { label: 'zoo-name-54', flaw: 'name too long', name: 'z'.repeat(54) },
  { label: 'zoo-name-63', flaw: 'name too long', name: 'z'.repeat(63) },
  { label: 'zoo-name-200', flaw: 'name too long', name: 'z'.repeat(200) },
  { label: 'zoo-empty', flaw: 'name not RFC 1123', name: '' },
  { label: 'zoo-upper', flaw: 'name not RFC 1123', name: 'Zoo-Upper' },
  { label: 'zoo-underscore', flaw: 'name not RFC 1123', name: 'zoo_underscore' },
  { label: 'zoo-dot', flaw: 'name not RFC 1123', name: 'zoo.dot' },
  { label: 'zoo-dash-first', flaw: 'name not RFC 1123', name: '-zoo' },
  { label: 'zoo-dash-last', flaw: 'name not RFC 1123', name: 'zoo-' },
  { label: 'zoo-space', flaw: 'name not RFC 1123', name: 'zoo space' },
  { label: 'zoo-slash', flaw: 'name not RFC 1123', name: 'zoo/slash' },
  { label: 'zoo-traversal', flaw: 'name not RFC 1123', name: '../../etc' },
  { label: 'zoo-dots', flaw: 'name not RFC 1123', name: '..' },
  { label: 'zoo-umlaut', flaw: 'name not RFC 1123', name: 'zoo-größe' },
  { label: 'zoo-cyrillic', flaw: 'name not RFC 1123', name: 'zo\u043e-cyrillic' },
  { label: 'zoo-line-break', flaw: 'name not RFC 1123', name: 'zoo\nline' },
  { label: 'zoo-line-end', flaw: 'name not RFC 1123', name: 'zoo-line-end\n' },
  { label: 'zoo-terminal', flaw: 'name not RFC 1123', name: '\u001b[31mzoo\u001b[0m' },
  { label: 'zoo-markup', flaw: 'name not RFC 1123', name: '{{ zoo }}' },
  { label: 'zoo-twin-a', flaw: 'name used twice', name: 'zoo-twin' },
  { label: 'zoo-twin-b', flaw: 'name used twice', name: 'zoo-twin' },
  { label: 'zoo-namesake', flaw: "name is an admin's" },
  // Tools and admins are two searches: without a home, nobody becomes an admin for the moment between them.
  { label: 'zoo-namesake', flaw: 'home missing', admin: true, attributes: { homeDirectory: [] } },
  {
    label: 'zoo-two-names',
    flaw: 'several names',
    attributes: { cn: [`${PROJECT}.zoo-two-a`, `${PROJECT}.zoo-two-b`] },
  },
  // LDAP does not tell upper from lower case: a search for local.* finds it.
  {
    label: 'zoo-loud',
    flaw: 'project spelled otherwise',
    attributes: { cn: [`${PROJECT.toUpperCase()}.zoo-loud`] },
  },
  { label: 'zoo-no-uid', flaw: 'uid missing', attributes: { uidNumber: [], gidNumber: [] } },
  { label: 'zoo-same-uid-a', flaw: 'uid used twice', attributes: uid(String(FIRST_UID - 1)) },
  { label: 'zoo-same-uid-b', flaw: 'uid used twice', attributes: uid(String(FIRST_UID - 1)) },
  { label: 'zoo-root', flaw: 'uid out of range', attributes: uid('0') },
  { label: 'zoo-negative', flaw: 'uid out of range', attributes: uid('-1') },
  { label: 'zoo-31-bits', flaw: 'uid out of range', attributes: uid(String(2 ** 31)) },
  { label: 'zoo-32-bits', flaw: 'uid out of range', attributes: uid(String(2 ** 32)) },
  { label: 'zoo-huge-uid', flaw: 'uid out of range', attributes: uid('9'.repeat(30)) },
  { label: 'zoo-no-home', flaw: 'home missing', attributes: { homeDirectory: [] } },
  { label: 'zoo-etc', flaw: 'home outside the data directory', attributes: home('/etc') },
  { label: 'zoo-root-home', flaw: 'home outside the data directory', attributes: home('/') },
  { label: 'zoo-data-root', flaw: 'home outside the data directory', attributes: home(TOOL_HOMES) },
  {
    label: 'zoo-climb',
    flaw: 'home outside the data directory',
    attributes: home(`${TOOL_HOMES}/../../etc/zoo-climb`),
  },
  {
    label: 'zoo-climb-back',
    flaw: "home is another tool's",
    attributes: home(`${TOOL_HOMES}/zoo-climb-back/../tf-test`),
  },
  { label: 'zoo-thief', flaw: "home is another tool's", attributes: home(`${TOOL_HOMES}/tf-test`) },
  {
    label: 'zoo-neighbour',
    flaw: 'home outside the data directory',
    attributes: home(`${TOOL_HOMES}-evil/zoo-neighbour`),
  },
  {
    label: 'zoo-relative',
    flaw: 'home outside the data directory',
    attributes: home(`data/project/zoo-relative`),
  },
  {
    label: 'zoo-zero-byte',
    flaw: "home is another tool's",
    attributes: home(`${TOOL_HOMES}/tf-test\0/zoo-zero-byte`),
  },
  { label: 'zoo-latin1', flaw: 'not UTF-8', attributes: home(latin1(`${TOOL_HOMES}/zoo-größe`)) },
  { label: 'zoo-bytes', flaw: 'not UTF-8', attributes: home(Uint8Array.of(0xff, 0xfe, 0x2f, 0x00)) },
];

/** The broken entries of `--malformed`, always the same. */
export function zoo(): ZooAnimal[] {
  return DEVIATIONS.map(({ label, flaw, name, admin = false, attributes }, index) => {
    const prefix = admin ? '' : `${PROJECT}.`;
    const fine: LdapAttributes = {
      objectClass: ['person', 'posixAccount', 'shadowAccount'],
      uid: [`${prefix}${label}`],
      cn: [`${prefix}${name ?? label}`],
      sn: [label],
      ...uid(String(FIRST_UID + index)),
      ...home(`${TOOL_HOMES}/${name ?? label}`),
      loginShell: ['/bin/bash'],
      description: [ZOO_MARK],
    };
    const entry = {
      dn: admin ? personDn(label) : toolDn(label),
      attributes: Object.fromEntries(
        Object.entries({ ...fine, ...attributes }).filter(([, values]) => values.length > 0),
      ),
    };
    return { label, flaw, entry, admin };
  });
}
