/**
 * OpenLDAP with production's tree, as a host process under the supervisor (TOOLFORGE.md, section 4). This file is what
 * `up`, `status` and `seed-accounts` use of it. Clients that read need only lib/ldap and `ldapReader`.
 */
export {
  personDn,
  personEntry,
  toolDn,
  toolEntries,
  toolGroupDn,
  TOOL_HOMES,
  type Person,
  type ToolAccount,
} from './accounts.ts';
export { connectWriter } from './connect.ts';
export {
  applyTogether,
  changesFor,
  knownEntries,
  type KnownEntries,
  type RefusedChange,
} from './converge.ts';
export { DEFAULT_ADMIN, DEFAULT_TOOLS } from './defaults.ts';
export { ldapFiles } from './files.ts';
export {
  bringTreeAbout,
  connectReader,
  ldapDirectory,
  ldapOptions,
  ldapPlan,
  ldapReader,
  resolveSlapd,
  startLdap,
  type LdapReader,
} from './install.ts';
export { LOCK_ATTRIBUTES, setLocked } from './lock.ts';
export {
  LDAP_SERVICE,
  ldapService,
  ldapUrl,
  writeLdapFiles,
  type LdapOptions,
  type SlapdInstallation,
} from './service.ts';
export { ldapStatus, type LdapContent, type LdapStatus } from './status.ts';
export {
  ADMIN_GROUP_DN,
  BASE_DN,
  GROUPS_DN,
  PEOPLE_DN,
  PROJECT,
  READER_DN,
  TOOLS_DN,
  type WantedEntry,
} from './tree.ts';
