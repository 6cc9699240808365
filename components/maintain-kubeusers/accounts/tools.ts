import { readConfiguration } from '../configuration.ts';
import { configurationFile } from '../places.ts';
import type { Account } from './account.ts';
import { LdapDirectory, readLdapSettings } from './directory.ts';

/**
 * Asks the LDAP that the loop asks, as its reader.
 * @param directory the cluster's
 */
async function withDirectory<T>(
  directory: string,
  signal: AbortSignal,
  ask: (ldap: LdapDirectory) => Promise<T>,
): Promise<T> {
  const { ldapConfig } = await readConfiguration(configurationFile(directory));
  const ldap = new LdapDirectory(await readLdapSettings(ldapConfig), signal);
  try {
    return await ask(ldap);
  } finally {
    await ldap.close();
  }
}

/**
 * The tools of LDAP that the loop takes care of, locked ones too.
 * @param directory the cluster's
 */
export async function readTools(directory: string, signal: AbortSignal): Promise<readonly Account[]> {
  const { accounts } = await withDirectory(directory, signal, (ldap) => ldap.read());
  return accounts.filter(({ type }) => type === 'tool');
}

/**
 * One of them; undefined where there is none, or none that can be used.
 * @param directory the cluster's
 */
export function readTool(directory: string, tool: string, signal: AbortSignal): Promise<Account | undefined> {
  return withDirectory(directory, signal, (ldap) => ldap.tool(tool));
}
