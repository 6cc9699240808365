import { readFile } from 'node:fs/promises';
import type { Cluster } from '../../cluster/provider.ts';
import { haproxyDirectory, haproxyStatus } from '../../components/haproxy/index.ts';
import { describeBypassed, webhooksStatus } from '../../components/kyverno/index.ts';
import type { Context } from '../../lib/context.ts';
import { messageOf } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { NO_RETRY } from '../../lib/kube/retry.ts';
import { pathOf, PODS } from '../../lib/kube/types.ts';
import { formatBytes } from '../../lib/sizes.ts';

/** How the control plane is at one moment, as a client of it sees. */
export interface Sample {
  /** Milliseconds until `/readyz` was answered through HAProxy; or why it was not. */
  readonly ready: number | string;
  /** Milliseconds until a pod was admitted, through all webhooks and without being kept; or why it was not. */
  readonly admission: number | string;
  /** `control-plane-1`: bytes in use, and of how many. */
  readonly memory: readonly { readonly machine: string; readonly used: number; readonly limit: number }[];
  /** Servers of HAProxy that do not answer: `k8s-api/control-plane-2`. */
  readonly down: readonly string[];
  /** What keeps policies from having any effect, in words; a policy that nobody asks refuses nothing, and mends nothing. */
  readonly bypassed: readonly string[];
}

/** What is still fine. */
export interface Limits {
  /** Milliseconds */
  readonly ready: number;
  /** Milliseconds; the API server gives a webhook ten seconds. */
  readonly admission: number;
  /** Part of a machine's memory. */
  readonly memory: number;
}

/** In 2024 the API servers were out of memory before anybody saw anything else: there has to be room left. */
export const LIMITS: Limits = { ready: 1_000, admission: 3_000, memory: 0.85 };

const TIMEOUT_MS = 10_000;

/** Looks once; what does not answer is part of the sample. */
export async function takeSample(cluster: Cluster, client: KubeClient, context: Context): Promise<Sample> {
  const timed = async (ask: () => Promise<unknown>): Promise<number | string> => {
    const started = context.clock.now();
    try {
      await ask();
      return context.clock.now() - started;
    } catch (error) {
      if (context.signal.aborted) throw error;
      return messageOf(error).split('\n')[0] ?? '';
    }
  };
  const asked = { retry: NO_RETRY, timeoutMs: TIMEOUT_MS };
  const pod = { metadata: { generateName: 'probe-' }, spec: { containers: [{ name: 'a', image: 'probe' }] } };
  const [ready, admission, memory, down, bypassed] = await Promise.all([
    timed(() => client.request('GET', '/readyz', asked)),
    timed(() =>
      client.request('POST', pathOf(PODS, 'default'), { ...asked, body: pod, query: { dryRun: 'All' } }),
    ),
    machines(cluster),
    serversDown(cluster),
    bypassedWebhooks(client, context),
  ]);
  return { ready, admission, memory, down, bypassed };
}

async function bypassedWebhooks(client: KubeClient, { clock, signal }: Context): Promise<readonly string[]> {
  try {
    const { missing, bypassed } = await webhooksStatus(client, clock.now());
    return [
      ...missing.map((name) => `${name} is missing`),
      ...(bypassed.length === 0 ? [] : [describeBypassed(bypassed)]),
    ];
  } catch (error) {
    if (signal.aborted) throw error;
    return [`Kyverno's webhooks: ${messageOf(error).split('\n')[0] ?? ''}`];
  }
}

/** Each machine with a limit; those without share what the host has. */
async function machines(cluster: Cluster): Promise<Sample['memory']> {
  const all = await cluster.memory();
  const limited = all.flatMap(({ machine, limit, processes }) =>
    limit === undefined ? [] : [{ machine, limit, used: processes.reduce((sum, { rss }) => sum + rss, 0) }],
  );
  const host = await hostMemory();
  return host === undefined ? limited : [...limited, host];
}

async function hostMemory(): Promise<Sample['memory'][number] | undefined> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024;
  const limit = field('MemTotal');
  return limit === 0 ? undefined : { machine: 'this machine', limit, used: limit - field('MemAvailable') };
}

async function serversDown(cluster: Cluster): Promise<string[]> {
  try {
    const { backends } = await haproxyStatus(haproxyDirectory(cluster));
    return backends.flatMap(({ name, servers }) =>
      servers.filter(({ state }) => state !== 'up').map((server) => `${name}/${server.name}`),
    );
  } catch (error) {
    return [`HAProxy: ${messageOf(error)}`];
  }
}

/** Why a roll-out should not go on at such a moment; empty when it may. */
export function judge({ ready, admission, memory, down, bypassed }: Sample, limits: Limits): string[] {
  const slow = (what: string, took: number | string, limit: number): string[] => {
    if (typeof took === 'string') return [`${what}: ${took}`];
    return took > limit ? [`${what} takes ${Math.round(took)} ms, more than ${limit}`] : [];
  };
  return [
    ...slow('the API', ready, limits.ready),
    ...slow('admission of a pod', admission, limits.admission),
    ...memory
      .filter(({ used, limit }) => used > limit * limits.memory)
      .map(({ machine, used, limit }) => `${machine} uses ${formatBytes(used)} of ${formatBytes(limit)}`),
    ...down.map((server) => `${server} is not up`),
    ...bypassed,
  ];
}

/** The worst of what was seen, for a summary. */
export class Peaks {
  #ready = 0;
  #admission = 0;
  readonly #memory = new Map<string, number>();

  add({ ready, admission, memory }: Sample): void {
    if (typeof ready === 'number') this.#ready = Math.max(this.#ready, ready);
    if (typeof admission === 'number') this.#admission = Math.max(this.#admission, admission);
    for (const { machine, used } of memory)
      this.#memory.set(machine, Math.max(this.#memory.get(machine) ?? 0, used));
  }

  /** `API 40 ms, admission 130 ms, this machine 4.1 GiB at the worst` */
  toString(): string {
    const memory = [...this.#memory].map(([machine, used]) => `${machine} ${formatBytes(used)}`);
    const times = [`API ${Math.round(this.#ready)} ms`, `admission ${Math.round(this.#admission)} ms`];
    return `${[...times, ...memory].join(', ')} at the worst`;
  }
}
