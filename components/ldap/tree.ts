import { rdn } from '../../lib/ldap/escape.ts';
import type { LdapAttributes } from '../../lib/ldap/types.ts';

/** Production's tree (TOOLFORGE.md, section 4), and the entries in it that are there before any account. */

export const BASE_DN = 'dc=wikimedia,dc=org';
/** People: maintainers and admins. */
export const PEOPLE_DN = `ou=people,${BASE_DN}`;
/** Groups of tools (their members) and the group of admins. */
export const GROUPS_DN = `ou=servicegroups,${BASE_DN}`;
/** The accounts of tools. */
export const TOOLS_DN = `ou=people,${GROUPS_DN}`;
export const POLICIES_DN = `ou=ppolicies,${BASE_DN}`;
/** What `pwdPolicySubentry` of a disabled tool names in production. */
export const DISABLED_POLICY_DN = `cn=disabled,${POLICIES_DN}`;
/** For every account that names no policy of its own. */
export const DEFAULT_POLICY_DN = `cn=default,${POLICIES_DN}`;
/** Who reads: maintain-kubeusers and everything else that looks accounts up. */
export const READER_DN = `cn=proxyagent,${BASE_DN}`;
/** Who writes: this project's own commands. The server's root name; no entry. */
export const WRITER_DN = `cn=admin,${BASE_DN}`;

/** The local project: a tool's `cn` is `local.<tool>`, as it is `tools.<tool>` in production. */
export const PROJECT = 'local';

export const ADMIN_GROUP_DN = `${rdn('cn', `${PROJECT}.admin`)},${GROUPS_DN}`;

/** An entry that is to be there, with these attributes; it may have others. */
export interface WantedEntry {
  readonly dn: string;
  readonly attributes: LdapAttributes;
}

/** @param readerHash the reader's password as `userPassword` holds it */
export function treeEntries(readerHash: string): WantedEntry[] {
  return [
    {
      dn: BASE_DN,
      attributes: { objectClass: ['dcObject', 'organization'], dc: ['wikimedia'], o: ['Wikimedia'] },
    },
    // Before any password: the server looks policies up with the first one that it stores.
    unit(POLICIES_DN, 'ppolicies'),
    policy(DEFAULT_POLICY_DN, 'default'),
    policy(DISABLED_POLICY_DN, 'disabled'),
    unit(PEOPLE_DN, 'people'),
    unit(GROUPS_DN, 'servicegroups'),
    unit(TOOLS_DN, 'people'),
    {
      dn: READER_DN,
      attributes: {
        objectClass: ['organizationalRole', 'simpleSecurityObject'],
        cn: ['proxyagent'],
        userPassword: [readerHash],
      },
    },
  ];
}

function unit(dn: string, ou: string): WantedEntry {
  return { dn, attributes: { objectClass: ['organizationalUnit'], ou: [ou] } };
}

/** `pwdLockout`: a lock is heeded. No number of failed logins locks (`pwdMaxFailure` absent): only we do. */
function policy(dn: string, cn: string): WantedEntry {
  return {
    dn,
    attributes: {
      objectClass: ['device', 'pwdPolicy'],
      cn: [cn],
      pwdAttribute: ['userPassword'],
      pwdLockout: ['TRUE'],
    },
  };
}
