import {
  ADMIN_GROUP_DN,
  personDn,
  personEntry,
  toolEntries,
  type Person,
  type WantedEntry,
} from '../../components/ldap/index.ts';
import { accounts, MAX_ACCOUNTS, type Account } from '../account-names.ts';
import { markOf, type SeedAccountsOptions } from './options.ts';

/** What belongs together: a tool with its group and the person who comes with it, or an admin. */
export interface Target {
  readonly kind: 'tool' | 'admin';
  readonly name: string;
  /** The entry that is there when the target is: the tool's account, the admin's person. */
  readonly main: WantedEntry;
  /** All entries, the main one included; the group of admins only as the member that it gets. */
  readonly entries: readonly WantedEntry[];
}

/**
 * The targets of a run in the order of their numbers. What a tool looks like depends on its number and prefix alone, so
 * that a run for more tools, or for fewer, changes nothing of those that are there.
 */
export function* targets(options: SeedAccountsOptions): Generator<Target> {
  for (let number = 1; number <= options.admins; number += 1) yield adminTarget(options.prefix, number);
  let number = 0;
  for (const account of accounts(options.prefix, options.count))
    yield toolTarget(options.prefix, account, ++number);
}

function toolTarget(prefix: string, account: Account, number: number): Target {
  const mark = markOf(prefix);
  const maintainers = maintainersOf(number).map((person) => personName(prefix, person));
  const entries = toolEntries({ ...account, maintainers }, mark);
  // Of two tools, the first brings the person who maintains both.
  const person = number % 2 === 1 ? [personEntry(personOf(prefix, ownPerson(number)), mark)] : [];
  return { kind: 'tool', name: account.name, main: entries[0], entries: [...person, ...entries] };
}

/**
 * The numbers of a tool's maintainers: the person it shares with its neighbour, and for each third tool one more, who
 * came with it or with an earlier one.
 */
export function maintainersOf(number: number): number[] {
  const own = ownPerson(number);
  const other = ((number * 7) % own) + 1;
  return number % 3 === 0 && other !== own ? [own, other] : [own];
}

function ownPerson(number: number): number {
  return Math.ceil(number / 2);
}

export function personName(prefix: string, number: number): string {
  return `${prefix}-person-${padded(number)}`;
}

/** People have uids from the end of their prefix's block downwards: its tools count upwards from the start. */
function personOf(prefix: string, number: number): Person {
  return {
    name: personName(prefix, number),
    fullName: `Seeded Person ${padded(number)} (${prefix})`,
    uidNumber: firstUid(prefix) + MAX_ACCOUNTS - number,
  };
}

function adminTarget(prefix: string, number: number): Target {
  const person: Person = {
    name: adminName(prefix, number),
    fullName: `Seeded Admin ${padded(number)} (${prefix})`,
    // Below the people of as many tools as a prefix may have, above those tools.
    uidNumber: firstUid(prefix) + MAX_ACCOUNTS - ADMINS_BELOW - number,
  };
  const main = personEntry(person, markOf(prefix));
  const membership = { dn: ADMIN_GROUP_DN, attributes: { member: [personDn(person.name)] } };
  return { kind: 'admin', name: person.name, main, entries: [main, membership] };
}

/** MAX_TOOLS tools have half as many people; between them and those tools there is room. */
const ADMINS_BELOW = 30_000;

export function adminName(prefix: string, number: number): string {
  return `${prefix}-admin-${padded(number)}`;
}

function firstUid(prefix: string): number {
  const [first] = accounts(prefix, 1);
  return first?.uid ?? 0;
}

function padded(number: number): string {
  return String(number).padStart(4, '0');
}
