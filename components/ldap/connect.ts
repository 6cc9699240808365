import type { LdapClient } from '../../lib/ldap/client.ts';
import { Failure } from '../../lib/errors.ts';
import { ldapFiles, readPassword } from './files.ts';
import { WRITER_DN } from './tree.ts';

/**
 * Connects to a cluster's LDAP as the writer, over its unix socket. The caller closes it.
 * @throws Failure when the cluster has no LDAP; LdapError when it does not answer
 */
export async function connectWriter(
  directory: string,
  options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<LdapClient> {
  const files = ldapFiles(directory);
  const password = await readPassword(files.writerPassword);
  if (password === undefined) {
    throw new Failure({
      kind: 'cluster',
      what: 'This cluster has no LDAP',
      hint: 'An `up` was interrupted early: run `npm run up` again.',
    });
  }
  const { connectLdap } = await import('../../lib/ldap/client.ts'); // ldapts: not for `--help`
  return connectLdap({ server: { socket: files.socket }, bind: { dn: WRITER_DN, password }, ...options });
}
