import { valuesOf, type LdapEntry } from '../../../lib/ldap/types.ts';
import {
  keyOf,
  nameProblem,
  type Account,
  type AccountType,
  type SkippedEntry,
  type SkipReason,
} from './account.ts';

/** What the directory says, checked: accounts to act on, and entries that nothing can be made of. */
export interface DirectoryAnswer {
  readonly accounts: readonly Account[];
  readonly skipped: readonly SkippedEntry[];
}

/** How one type of account is written in LDAP. */
export interface EntryShape {
  readonly type: AccountType;
  readonly nameAttribute: string;
  /** What stands before the name, in lower case: `<project>.` for tools. */
  readonly namePrefix: string;
  /** Where a home must be: `/data/project`, `/home`. */
  readonly homesDirectory: string;
}

/** A disabled account has either of these (TOOLFORGE.md 4). */
export const LOCK_ATTRIBUTES = ['pwdAccountLockedTime', 'pwdPolicySubentry'] as const;

/** Below are the system's own accounts, on every distribution: a file owned by one of them would be a hole. */
const FIRST_UID = 1000;
/** The largest that Kubernetes takes as `runAsUser`. */
const LAST_UID = 2 ** 31 - 1;

/** The entries that one search brought, and how to read them. */
export interface EntryGroup {
  readonly entries: readonly LdapEntry[];
  readonly shape: EntryShape;
}

/**
 * Turns entries into accounts. An entry with any fault is skipped whole, with the reason. Of entries that claim the
 * same name or number all are skipped: which one is right is for a person to say, and acting on the wrong one would
 * hand a tool's files to another. A tool and an admin of one name would be one user to Kubernetes, who may do all that an
 * admin may.
 */
export function readEntries(groups: readonly EntryGroup[]): DirectoryAnswer {
  const accounts: (Account & { readonly entry: string })[] = [];
  const skipped: SkippedEntry[] = [];
  for (const { entries, shape } of groups) {
    for (const entry of entries) {
      const read = readEntry(entry, shape);
      if ('reason' in read) skipped.push({ type: shape.type, entry: printable(entry.dn), ...read });
      else accounts.push({ ...read, entry: printable(entry.dn) });
    }
  }
  const shared = namesOfBothTypes(accounts, skipped);
  const names = countBy(accounts, keyOf);
  const uids = countBy(accounts, ({ uid }) => uid);
  const unique: Account[] = [];
  for (const { entry, ...account } of accounts) {
    const reason = shared.has(account.name)
      ? 'name used twice'
      : duplicate(names.get(keyOf(account)), uids.get(account.uid));
    if (reason === undefined) unique.push(account);
    else skipped.push({ type: account.type, entry, names: [account.name], reason });
  }
  return { accounts: unique, skipped };
}

/** Entries that are skipped count: the certificate of an account that exists stays valid. */
function namesOfBothTypes(accounts: readonly Account[], skipped: readonly SkippedEntry[]): Set<string> {
  const namesOf = (type: AccountType): Set<string> =>
    new Set(
      [...accounts.map(({ type, name }) => ({ type, names: [name] })), ...skipped]
        .filter((each) => each.type === type)
        .flatMap(({ names }) => names),
    );
  const admins = namesOf('admin');
  return new Set([...namesOf('tool')].filter((name) => admins.has(name)));
}

function duplicate(sameName = 1, sameUid = 1): SkipReason | undefined {
  if (sameName > 1) return 'name used twice';
  return sameUid > 1 ? 'uid used twice' : undefined;
}

type Read = Account | Pick<SkippedEntry, 'reason' | 'names'>;

function readEntry(entry: LdapEntry, shape: EntryShape): Read {
  const { namePrefix } = shape;
  // LDAP does not tell upper from lower case: a name spelled in other letters is none, but protects who exists.
  const full = valuesOf(entry, shape.nameAttribute).filter(
    (value) => typeof value !== 'string' || value.toLowerCase().startsWith(namePrefix),
  );
  const spelled = full.filter((value) => typeof value === 'string');
  const names = spelled.map((value) => value.toLowerCase().slice(namePrefix.length));
  if (full.length === 0) return { reason: 'name missing', names };
  if (full.length > 1) return { reason: 'name ambiguous', names };
  const [text] = spelled;
  if (text === undefined) return { reason: 'name not UTF-8', names };
  if (!text.startsWith(namePrefix)) return { reason: 'name missing', names };
  const name = text.slice(namePrefix.length);
  const problem = nameProblem(name);
  if (problem !== undefined) return { reason: problem, names };

  const uid = readUid(entry);
  if (typeof uid === 'string') return { reason: uid, names };
  const homes = valuesOf(entry, 'homeDirectory');
  if (homes.length === 0) return { reason: 'home missing', names };
  if (homes.length > 1) return { reason: 'home ambiguous', names };
  const [home] = homes;
  if (typeof home !== 'string') return { reason: 'home not UTF-8', names };
  // The one home that an account may have, letter by letter: no `..`, no second slash, nobody else's.
  if (home !== `${shape.homesDirectory}/${name}`) return { reason: 'home not its own', names };
  const disabled = LOCK_ATTRIBUTES.some((attribute) => valuesOf(entry, attribute).length > 0);
  return { type: shape.type, name, uid, home, disabled };
}

function readUid(entry: LdapEntry): number | SkipReason {
  const values = valuesOf(entry, 'uidNumber');
  if (values.length === 0) return 'uid missing';
  if (values.length > 1) return 'uid ambiguous';
  const [text] = values;
  if (typeof text !== 'string' || !/^\d{1,10}$/.test(text)) return 'uid not a number';
  const uid = Number(text);
  return uid < FIRST_UID || uid > LAST_UID ? 'uid reserved' : uid;
}

function countBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

/** Names come from outside: nothing in them may forge a line of a log or run away with a terminal. */
function printable(text: string): string {
  return text
    .replace(/\p{C}/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
    .slice(0, 200);
}
