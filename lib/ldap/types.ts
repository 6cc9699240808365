/** A value as the server sends it: text, or its bytes where they are not UTF-8. */
export type LdapValue = string | Uint8Array;

/** Attributes by name; what a name is called is the caller's business, LDAP does not tell upper from lower case. */
export type LdapAttributes = Readonly<Record<string, readonly LdapValue[]>>;

export interface LdapEntry {
  readonly dn: string;
  /** Names in lower case: `uidnumber`. An attribute that the entry does not have is absent. */
  readonly attributes: LdapAttributes;
}

export type LdapChange =
  | { readonly kind: 'add'; readonly dn: string; readonly attributes: LdapAttributes }
  /** Sets the named attributes to these values; no values removes the attribute. */
  | { readonly kind: 'replace'; readonly dn: string; readonly attributes: LdapAttributes }
  /** Adds values to, or takes them from, attributes that others may change at the same time (group members). */
  | {
      readonly kind: 'add-values' | 'delete-values';
      readonly dn: string;
      readonly attributes: LdapAttributes;
    }
  | { readonly kind: 'delete'; readonly dn: string };

export interface LdapSearch {
  readonly filter: string;
  /** Operational attributes (`entryCSN`, `pwdAccountLockedTime` …) come only when they are named. */
  readonly attributes: readonly string[];
  readonly scope?: 'base' | 'one' | 'sub';
}

/** Where a server is and who asks. */
export interface LdapConnection {
  readonly server:
    | {
        /** `ldaps://127.0.0.1:6636` */
        readonly url: string;
        /** PEM; the only authority that the server's certificate may come from. */
        readonly ca: string;
      }
    | {
        /** Path of the server's unix socket. */
        readonly socket: string;
      };
  /** Absent: nobody (a server that is set up well answers nothing). */
  readonly bind?: { readonly dn: string; readonly password: string };
  readonly signal?: AbortSignal;
  /** For connecting, and for each request, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
}

/** The values of an attribute, whatever the case of its name. */
export function valuesOf(entry: LdapEntry, attribute: string): readonly LdapValue[] {
  return entry.attributes[attribute.toLowerCase()] ?? [];
}
