import { knownEntries, type KnownEntries } from '../../../components/ldap/index.ts';
import type { LdapAttributes, LdapChange, LdapEntry, LdapValue } from '../../../lib/ldap/types.ts';

/** A directory in memory: what an LDAP server's entries are after changes, by the rules of RFC 4511. */
export class Directory {
  readonly #entries = new Map<string, { dn: string; attributes: Record<string, LdapValue[]> }>();

  get known(): KnownEntries {
    return knownEntries([...this.#entries.values()].map((entry): LdapEntry => structuredClone(entry)));
  }

  get names(): string[] {
    return [...this.#entries.values()].map(({ dn }) => dn);
  }

  apply(changes: readonly LdapChange[]): void {
    for (const change of changes) this.#apply(change);
  }

  #apply(change: LdapChange): void {
    const key = change.dn.toLowerCase();
    const entry = this.#entries.get(key);
    if (change.kind === 'add') {
      if (entry !== undefined) throw new Error(`${change.dn} exists`);
      this.#entries.set(key, { dn: change.dn, attributes: lowerCased(change.attributes) });
      return;
    }
    if (entry === undefined) throw new Error(`there is no ${change.dn}`);
    if (change.kind === 'delete') {
      this.#entries.delete(key);
      return;
    }
    for (const [name, values] of Object.entries(lowerCased(change.attributes))) {
      const had = entry.attributes[name] ?? [];
      if (change.kind === 'replace') entry.attributes[name] = values;
      if (change.kind === 'add-values') {
        if (values.some((value) => had.includes(value))) throw new Error(`${change.dn} has such a ${name}`);
        entry.attributes[name] = [...had, ...values];
      }
      if (change.kind === 'delete-values') {
        if (values.some((value) => !had.includes(value)))
          throw new Error(`${change.dn} lacks such a ${name}`);
        entry.attributes[name] = had.filter((value) => !values.includes(value));
      }
      if (entry.attributes[name]?.length === 0) entry.attributes = without(entry.attributes, name);
    }
  }
}

function lowerCased(attributes: LdapAttributes): Record<string, LdapValue[]> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, values]) => [name.toLowerCase(), [...values]]),
  );
}

function without(attributes: Record<string, LdapValue[]>, name: string): Record<string, LdapValue[]> {
  return Object.fromEntries(Object.entries(attributes).filter(([key]) => key !== name));
}
