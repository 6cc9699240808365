import path from 'node:path';
import type { Cluster, UpState } from '../../cluster/provider.ts';
import type { Supervisor } from '../../cluster/supervisor/service.ts';
import type { Context } from '../../lib/context.ts';
import { messageOf } from '../../lib/errors.ts';
import { NO_RETRY } from '../../lib/kube/retry.ts';
import type { Plan } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { API_PROXY } from './config.ts';
import {
  HAPROXY_SERVICE,
  haproxyFiles,
  haproxyService,
  reloadHAProxy,
  writeHAProxyFiles,
  type HAProxyOptions,
} from './service.ts';
import { readStats } from './stats.ts';

/** A host program as the toolchain resolved it, and the environment that it needs. */
export interface HAProxyProgram {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

/** HAProxy listens within a tenth of a second; a loaded machine may take longer. */
const START_TIMEOUT_MS = 15_000;

/**
 * Starts HAProxy, or has a running one take over what changed. Comes after the API servers answer by themselves.
 * @param program asked for when the step runs, so that a step before it may resolve it
 */
export function haproxyPlan(program: () => Promise<HAProxyProgram>, context: Context): Plan<UpState> {
  return [
    {
      id: 'haproxy.start',
      title: 'HAProxy in front of the API servers',
      async run({ cluster }) {
        const options = await haproxyOptions(cluster, await program());
        const done = await bringUp(options, cluster.supervisor, context);
        await answers(cluster, context);
        const { length } = options.apiservers;
        return `${done}, ${length} API server${length === 1 ? '' : 's'} behind 127.0.0.1:${options.apiPort}`;
      },
    },
  ];
}

/** HAProxy's own directory in a cluster's. */
export function haproxyDirectory(cluster: Pick<Cluster, 'directory'>): string {
  return path.join(cluster.directory, 'haproxy');
}

/** What HAProxy is to be for this cluster, from its record, its platform and its keys. */
export async function haproxyOptions(
  cluster: Pick<Cluster, 'directory' | 'record' | 'apiservers' | 'platform' | 'pki'>,
  { program, env }: HAProxyProgram,
): Promise<HAProxyOptions> {
  const { apiPort, statsPort, healthCheck } = cluster.record.spec;
  return {
    directory: haproxyDirectory(cluster),
    program,
    env,
    apiPort,
    statsPort,
    healthCheck,
    apiservers: cluster.apiservers,
    services: cluster.platform.balancedServices,
    statsCertificate: await cluster.pki.require('haproxy'),
  };
}

/** Look, compare, act: start, reload or leave alone. */
async function bringUp(
  options: HAProxyOptions,
  supervisor: Supervisor,
  context: Context,
): Promise<'started' | 'reloaded' | 'unchanged'> {
  const changed = await writeHAProxyFiles(options, context);
  const started = await supervisor.apply([haproxyService(options)]);
  if (started.includes(HAPROXY_SERVICE)) return 'started';
  await listening(options, supervisor, context);
  if (!changed && (await trustsApiservers(options))) return 'unchanged';
  await reloadHAProxy(options.directory, context);
  return 'reloaded';
}

/** A HAProxy that an earlier `up` left may have been started a moment ago, and not listen yet. */
async function listening(options: HAProxyOptions, supervisor: Supervisor, context: Context): Promise<void> {
  const { adminSocket } = haproxyFiles(options.directory);
  await waitFor(
    'HAProxy to listen',
    async () => {
      await supervisor.assertAlive(HAPROXY_SERVICE);
      const stats = await readStats(adminSocket).catch((error: unknown) => {
        throw new Error(messageOf(error), { cause: error });
      });
      return stats.frontends.includes(API_PROXY) ? true : undefined;
    },
    waiting(supervisor, context),
  );
}

/**
 * Whether HAProxy holds all API servers for up, at their full weight. They answer (the provider waited for that), so
 * where it does not it has not noticed yet that they came back.
 */
async function trustsApiservers({ directory }: HAProxyOptions): Promise<boolean> {
  const { backends } = await readStats(haproxyFiles(directory).adminSocket);
  const servers = backends.find(({ name }) => name === API_PROXY)?.servers ?? [];
  return servers.every(({ state, slowStart }) => state === 'up' && slowStart === undefined);
}

/** The proof: an API server answers through the frontend. */
async function answers(cluster: Cluster, context: Context): Promise<void> {
  const { supervisor } = cluster;
  const client = await cluster.client({ connections: 1, retry: NO_RETRY });
  try {
    await waitFor(
      'an API server to answer through HAProxy',
      async () => {
        await supervisor.assertAlive(HAPROXY_SERVICE);
        const answer = await client.request<string>('GET', '/readyz');
        return answer === 'ok' ? true : undefined;
      },
      waiting(supervisor, context),
    );
  } finally {
    await client.close();
  }
}

function waiting(supervisor: Supervisor, { clock, signal }: Context) {
  return {
    clock,
    signal,
    timeoutMs: START_TIMEOUT_MS,
    explain: async () => (await supervisor.lastLines(HAPROXY_SERVICE, 12)).join('\n'),
  };
}
