import { readConfiguration } from '../configuration.ts';
import { configurationFile } from '../places.ts';
import type { Account } from './account.ts';
import { LdapDirectory, readLdapSettings } from './directory.ts';

/**
 * The tools of LDAP that the loop takes care of, locked ones too.
 * @param directory the cluster's
 */
export async function readTools(directory: string, signal: AbortSignal): Promise<readonly Account[]> {
  const { ldapConfig } = await readConfiguration(configurationFile(directory));
  const ldap = new LdapDirectory(await readLdapSettings(ldapConfig), signal);
  try {
    return (await ldap.read()).accounts.filter(({ type }) => type === 'tool');
  } finally {
    await ldap.close();
  }
}
