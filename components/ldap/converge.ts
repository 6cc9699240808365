import type { LdapClient } from '../../lib/ldap/client.ts';
import { isNoAnswer, LdapError } from '../../lib/ldap/errors.ts';
import {
  valuesOf,
  type LdapAttributes,
  type LdapChange,
  type LdapEntry,
  type LdapValue,
} from '../../lib/ldap/types.ts';
import type { WantedEntry } from './tree.ts';

/** Entries by name, for comparing. LDAP does not tell upper from lower case in the names that we give. */
export type KnownEntries = ReadonlyMap<string, LdapEntry>;

export function knownEntries(entries: readonly LdapEntry[]): KnownEntries {
  return new Map(entries.map((entry) => [entry.dn.toLowerCase(), entry]));
}

/**
 * What to do so that an entry is there as wanted; nothing when it is. Attributes that are not named stay, and so do
 * members that someone added to a group.
 */
export function changesFor({ dn, attributes }: WantedEntry, known: KnownEntries): LdapChange[] {
  const entry = known.get(dn.toLowerCase());
  if (entry === undefined) return [{ kind: 'add', dn, attributes }];
  const [replaced, added]: [Record<string, readonly LdapValue[]>, Record<string, readonly LdapValue[]>] = [
    {},
    {},
  ];
  for (const [name, wanted] of Object.entries(attributes)) {
    const missing = without(wanted, valuesOf(entry, name));
    if (name === 'member') {
      if (missing.length > 0) added[name] = missing;
    } else if (missing.length > 0 || valuesOf(entry, name).length !== wanted.length) {
      replaced[name] = wanted;
    }
  }
  return [change('replace', dn, replaced), change('add-values', dn, added)].flat();
}

function change(kind: 'replace' | 'add-values', dn: string, attributes: LdapAttributes): LdapChange[] {
  return Object.keys(attributes).length === 0 ? [] : [{ kind, dn, attributes }];
}

function without(values: readonly LdapValue[], others: readonly LdapValue[]): LdapValue[] {
  const known = new Set(others.map(keyOf));
  return values.filter((value) => !known.has(keyOf(value)));
}

function keyOf(value: LdapValue): string {
  return (typeof value === 'string' ? Buffer.from(value) : Buffer.from(value)).toString('latin1');
}

/** A change that the server refused, and why. */
export interface RefusedChange {
  readonly change: LdapChange;
  readonly error: LdapError;
}

/**
 * Makes changes that belong together in one transaction. When the server refuses it, makes them one by one, so that
 * only the change at fault is missing.
 * @returns the changes that were refused
 * @throws LdapError when the server does not answer: all or nothing was done then
 */
export async function applyTogether(
  client: Pick<LdapClient, 'transaction' | 'change'>,
  changes: readonly LdapChange[],
): Promise<RefusedChange[]> {
  if (changes.length === 0) return [];
  try {
    await client.transaction(changes);
    return [];
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  const refused: RefusedChange[] = [];
  for (const change of changes) {
    try {
      await client.change(change);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.push({ change, error });
    }
  }
  return refused;
}

function isRefusal(error: unknown): error is LdapError {
  return error instanceof LdapError && !isNoAnswer(error);
}
