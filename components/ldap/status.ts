import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../../cluster/provider.ts';
import { Failure } from '../../lib/errors.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { valuesOf } from '../../lib/ldap/types.ts';
import { residentMemory } from '../../lib/memory.ts';
import { connectWriter } from './connect.ts';
import { ldapFiles } from './files.ts';
import { ldapDirectory } from './install.ts';
import { LOCK_ATTRIBUTES } from './lock.ts';
import { LDAP_SERVICE, ldapUrl } from './service.ts';
import { PEOPLE_DN, PROJECT, TOOLS_DN } from './tree.ts';

export interface LdapStatus {
  readonly url: string;
  /** Resident bytes of the server; absent while it is down. */
  readonly rss?: number;
  /** Bytes of the database's file; absent before there is one. */
  readonly databaseBytes?: number;
  /** What it holds, or why it does not answer. */
  readonly content: LdapContent | { readonly problem: string };
}

export interface LdapContent {
  /** Entries that maintain-kubeusers looks at, broken ones included. */
  readonly tools: number;
  readonly locked: number;
  readonly people: number;
}

/** How long `status` waits for a server that hangs, in milliseconds. */
const TIMEOUT_MS = 3_000;

/** What `status` shows of LDAP. Never throws for a server that is down. */
export async function ldapStatus(
  cluster: Pick<Cluster, 'directory' | 'hostPorts' | 'supervisor'>,
  signal: AbortSignal,
): Promise<LdapStatus> {
  const directory = ldapDirectory(cluster);
  const [content, rss, databaseBytes] = await Promise.all([
    contentOf(directory, signal),
    memoryOf(cluster),
    sizeOf(path.join(ldapFiles(directory).database, 'data.mdb')),
  ]);
  return {
    url: ldapUrl(cluster.hostPorts.ldap),
    content,
    ...(rss === undefined ? {} : { rss }),
    ...(databaseBytes === undefined ? {} : { databaseBytes }),
  };
}

async function contentOf(directory: string, signal: AbortSignal): Promise<LdapStatus['content']> {
  let client: LdapClient | undefined;
  try {
    client = await connectWriter(directory, { signal, timeoutMs: TIMEOUT_MS });
    const filter = `(&(objectClass=posixAccount)(cn=${PROJECT}.*))`;
    const tools = await client.search(TOOLS_DN, { filter, attributes: LOCK_ATTRIBUTES });
    const people = await client.search(PEOPLE_DN, {
      filter: '(objectClass=posixAccount)',
      attributes: ['1.1'], // RFC 4511: no attributes at all
    });
    const locked = tools.filter((tool) => LOCK_ATTRIBUTES.some((name) => valuesOf(tool, name).length > 0));
    return { tools: tools.length, locked: locked.length, people: people.length };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind === 'interrupted') throw error;
    return { problem: error.message };
  } finally {
    await client?.close();
  }
}

async function memoryOf({ supervisor }: Pick<Cluster, 'supervisor'>): Promise<number | undefined> {
  const [status] = await supervisor.status([LDAP_SERVICE]);
  if (status?.pid === undefined) return undefined;
  return (await residentMemory([status.pid])).get(status.pid);
}

async function sizeOf(file: string): Promise<number | undefined> {
  const found = await stat(file).catch(() => undefined);
  // Blocks on the disk: the file may be sparse. They are of 512 bytes on every system.
  return found === undefined ? undefined : found.blocks * 512;
}
