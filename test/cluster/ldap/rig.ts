import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import type { Cluster } from '../../../cluster/provider.ts';
import { PkiStore } from '../../../cluster/pki/store.ts';
import { RunitSupervisor } from '../../../cluster/supervisor/runit.ts';
import { resolveHostTools } from '../../../cluster/toolchain/host-tools.ts';
import {
  bringTreeAbout,
  connectWriter,
  ldapDirectory,
  ldapOptions,
  resolveSlapd,
  startLdap,
} from '../../../components/ldap/index.ts';
import type { Context } from '../../../lib/context.ts';
import { makePrivateDirectory } from '../../../lib/files.ts';
import type { LdapClient } from '../../../lib/ldap/client.ts';
import { xdgPaths } from '../../../lib/paths.ts';
import { freePort } from '../../../lib/ports.ts';
import { quietContext } from '../context.ts';

/** A real slapd under a real supervisor, in a temporary directory. */
export interface LdapRig {
  readonly cluster: Pick<Cluster, 'directory' | 'hostPorts' | 'pki' | 'supervisor'>;
  /** LDAP's own directory. */
  readonly directory: string;
  /** For XDG_STATE_HOME: below it, the rig's directory is that of the cluster `toolforge`. */
  readonly stateHome: string;
  readonly context: Context;
  readonly slapd: Awaited<ReturnType<typeof resolveSlapd>>;
  /** What the context's output was given. */
  said(): string;
  /** Starts slapd, or does nothing when it runs as it should. Returns whether it was started. */
  start(): Promise<boolean>;
  /** The process id of slapd. */
  pid(): Promise<number>;
  /** Kills slapd with SIGKILL; the supervisor starts it again. */
  kill(): Promise<void>;
  writer<T>(use: (client: LdapClient) => Promise<T>): Promise<T>;
  remove(): Promise<void>;
}

const silent = { update: () => undefined };

/** @param tree whether to bring the tree and the default accounts about */
export async function createRig(tree = true): Promise<LdapRig> {
  const stateHome = await mkdtemp(path.join(tmpdir(), 'ldap-'));
  const { state } = xdgPaths({ XDG_STATE_HOME: stateHome });
  const directory = path.join(state, 'toolforge');
  await makePrivateDirectory(directory);
  const stream = new PassThrough();
  const chunks: string[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  const context = quietContext(state, stream);
  const tools = await resolveHostTools(['runsv', 'sv', 'svlogd'], context, silent);
  const libraryPath = tools.get('sv').env['LD_LIBRARY_PATH'];
  const supervisor = new RunitSupervisor(
    directory,
    {
      runsv: tools.get('runsv').program,
      sv: tools.get('sv').program,
      svlogd: tools.get('svlogd').program,
      ...(libraryPath === undefined ? {} : { libraryPath }),
    },
    context,
  );
  const pki = new PkiStore(directory);
  await pki.authority('ca');
  await pki.issue('ldap', 'ca', {
    commonName: 'ldap',
    usage: 'server',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  const cluster = { directory, pki, supervisor, hostPorts: { ldap: await freePort(), maintainKubeusers: 0 } };
  const slapd = await resolveSlapd(context, silent);
  const rig: LdapRig = {
    cluster,
    directory: ldapDirectory(cluster),
    stateHome,
    context,
    slapd,
    said: () => chunks.join(''),
    start: () => startLdap(ldapOptions(cluster, slapd), supervisor, context),
    async pid() {
      const [status] = await supervisor.status(['slapd']);
      if (status?.pid === undefined) throw new Error('slapd does not run');
      return status.pid;
    },
    async kill() {
      process.kill(await rig.pid(), 'SIGKILL');
    },
    async writer(use) {
      const client = await connectWriter(rig.directory);
      try {
        return await use(client);
      } finally {
        await client.close();
      }
    },
    async remove() {
      await supervisor.shutdown();
      await rm(stateHome, { recursive: true, force: true });
    },
  };
  await rig.start();
  if (tree) await bringTreeAbout(rig.directory, context);
  return rig;
}
