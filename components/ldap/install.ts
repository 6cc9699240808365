import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { LOOPBACK } from '../../cluster/keys.ts';
import type { Cluster, UpState } from '../../cluster/provider.ts';
import type { Supervisor } from '../../cluster/supervisor/service.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { LdapError } from '../../lib/ldap/errors.ts';
import type { Plan, Progress } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { connectWriter } from './connect.ts';
import { changesFor, knownEntries } from './converge.ts';
import { defaultEntries, DEFAULT_TOOLS } from './defaults.ts';
import { ldapFiles, makePassword, passwordHash } from './files.ts';
import { issueCertificate, tellPods } from './pods.ts';
import {
  LDAP_SERVICE,
  ldapService,
  ldapUrl,
  writeLdapFiles,
  type LdapOptions,
  type SlapdInstallation,
} from './service.ts';
import { READER_DN, treeEntries } from './tree.ts';

/** slapd listens within a fifth of a second; after a kill it first looks for its last change. */
const START_TIMEOUT_MS = 20_000;

/** Starts LDAP and brings its tree and the default accounts about. */
export function ldapPlan(context: Context): Plan<UpState> {
  return [
    {
      id: 'ldap.start',
      title: 'LDAP',
      async run({ cluster }, progress) {
        const podAddress = await cluster.podHost?.address();
        const options = ldapOptions(cluster, await resolveSlapd(context, progress), podAddress);
        await issueCertificate(cluster, podAddress);
        const started = await startLdap(options, cluster.supervisor, context);
        if (podAddress !== undefined) await tellPods(cluster, ldapDirectory(cluster), podAddress);
        const pods = podAddress === undefined ? '' : `, for pods ${ldapUrl(options.port, podAddress)}`;
        return `${started ? 'started' : 'unchanged'}, ${ldapUrl(options.port)}${pods}`;
      },
    },
    {
      id: 'ldap.accounts',
      title: 'Default accounts',
      async run({ cluster }) {
        const written = await bringTreeAbout(ldapDirectory(cluster), context);
        await readerReads(cluster, context);
        const tools = DEFAULT_TOOLS.map(({ name }) => name).join(', ');
        return written === 0 ? 'unchanged' : `${tools} and an admin`;
      },
    },
  ];
}

/** OpenLDAP for this host: from the cache, or unpacked into it first. */
export async function resolveSlapd(context: Context, progress: Progress): Promise<SlapdInstallation> {
  const { resolveHostTools, slapdFiles } = await import('../../cluster/toolchain/host-tools.ts');
  const slapd = (await resolveHostTools(['slapd'], context, progress)).get('slapd');
  return { program: slapd.program, env: slapd.env, ...(await slapdFiles(slapd)) };
}

/** The server's own directory in a cluster's. */
export function ldapDirectory(cluster: Pick<Cluster, 'directory'>): string {
  return path.join(cluster.directory, 'ldap');
}

/** What slapd is to be for this cluster. It listens on loopback, and where pods reach it. */
export function ldapOptions(
  cluster: Pick<Cluster, 'directory' | 'hostPorts' | 'pki'>,
  slapd: SlapdInstallation,
  podAddress?: string,
): LdapOptions {
  return {
    addresses: [LOOPBACK, ...(podAddress === undefined ? [] : [podAddress])],
    directory: ldapDirectory(cluster),
    slapd,
    port: cluster.hostPorts.ldap,
    tls: { ...cluster.pki.files('ldap'), ca: cluster.pki.files('ca').certificate },
  };
}

/**
 * Has slapd run with these options and waits until it answers.
 * @returns whether it was (re)started
 */
export async function startLdap(
  options: LdapOptions,
  supervisor: Supervisor,
  context: Context,
): Promise<boolean> {
  await writeLdapFiles(options, context);
  const started = await supervisor.apply([ldapService(options)]);
  const { clock, signal } = context;
  await waitFor(
    'LDAP to answer',
    async () => {
      await supervisor.assertAlive(LDAP_SERVICE);
      const client = await connectWriter(options.directory, { signal }).catch(notYet);
      await client.close();
      return true;
    },
    {
      clock,
      signal,
      timeoutMs: START_TIMEOUT_MS,
      explain: async () => (await supervisor.lastLines(LDAP_SERVICE, 12)).join('\n'),
      hint: 'Look at `npm run logs slapd` and run the command again.',
    },
  );
  return started.includes(LDAP_SERVICE);
}

/** `waitFor` gives up at a failure, but a server that does not answer yet is what it waits for. */
function notYet(error: unknown): never {
  if (error instanceof LdapError) throw new Error(error.message, { cause: error });
  throw error;
}

/**
 * Brings the tree and the default accounts about. Returns how many changes that took.
 * @throws Failure when the server refuses one of them
 */
export async function bringTreeAbout(
  directory: string,
  { signal }: Pick<Context, 'signal'>,
): Promise<number> {
  const client = await connectWriter(directory, { signal });
  try {
    const readerHash = passwordHash(await makePassword(ldapFiles(directory).readerPassword));
    const wanted = [...treeEntries(readerHash), ...defaultEntries()];
    const existing = await Promise.all(wanted.map(({ dn }) => client.read(dn, ['*'])));
    const known = knownEntries(existing.filter((entry) => entry !== undefined));
    const changes = wanted.flatMap((entry) => changesFor(entry, known));
    for (const change of changes) await client.change(change); // each below one before it
    return changes.length;
  } finally {
    await client.close();
  }
}

/** The proof: the reader, over TLS with the cluster's authority, sees the default tools. */
async function readerReads(
  cluster: Pick<Cluster, 'directory' | 'hostPorts' | 'pki'>,
  { signal }: Pick<Context, 'signal'>,
): Promise<void> {
  const client = await connectReader(cluster, signal);
  try {
    for (const entry of defaultEntries()) {
      if ((await client.read(entry.dn, ['cn'])) === undefined) {
        throw new Failure({ kind: 'cluster', what: `LDAP does not show ${entry.dn} to its reader` });
      }
    }
  } finally {
    await client.close();
  }
}

/** Connects as maintain-kubeusers does: as the reader, over TLS. The caller closes it. */
export async function connectReader(
  cluster: Pick<Cluster, 'directory' | 'hostPorts' | 'pki'>,
  signal: AbortSignal,
): Promise<LdapClient> {
  const { connectLdap } = await import('../../lib/ldap/client.ts');
  const { url, bindDn, passwordFile, caFile } = ldapReader(cluster);
  const [password, ca] = await Promise.all([readFile(passwordFile, 'utf8'), readFile(caFile, 'utf8')]);
  return connectLdap({ server: { url, ca }, bind: { dn: bindDn, password: password.trim() }, signal });
}

/** What a reading client is told: maintain-kubeusers' configuration. Paths are absolute. */
export interface LdapReader {
  readonly url: string;
  readonly bindDn: string;
  readonly passwordFile: string;
  readonly caFile: string;
}

export function ldapReader(cluster: Pick<Cluster, 'directory' | 'hostPorts' | 'pki'>): LdapReader {
  return {
    url: ldapUrl(cluster.hostPorts.ldap),
    bindDn: READER_DN,
    passwordFile: ldapFiles(ldapDirectory(cluster)).readerPassword,
    caFile: cluster.pki.files('ca').certificate,
  };
}
