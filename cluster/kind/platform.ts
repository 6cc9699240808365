import type { V1Deployment, V1Pod } from '@kubernetes/client-node';
import type { Context } from '../../lib/context.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { holds } from '../../lib/kube/conditions.ts';
import { PODS, type KubeObject, type Resource } from '../../lib/kube/types.ts';
import { waitFor } from '../../lib/wait.ts';
import type { Platform, PlatformWorkload } from '../provider.ts';
import { TOOL_IMAGE } from './image/tool.ts';
import { podMemory } from './pod-memory.ts';

const DEPLOYMENTS: Resource = { group: 'apps', version: 'v1', plural: 'deployments' };

/** On a paused Deployment: how many replicas it has otherwise. */
const PAUSED = 'toolforge-local/replicas';

/** A pod has 30 s to end; then its node has to say so. */
const PAUSE_MS = 90_000;

/** Opens a client of the admin's; whoever asked closes it. */
export type OpenClient = () => Promise<KubeClient>;

/** The platform's Deployments are Deployments here, and their replicas pods. */
export class KindPlatform implements Platform {
  /** Services are Services: the nodes' kube-proxy balances them. */
  readonly balancedServices = [];
  readonly toolImage = TOOL_IMAGE;
  readonly #open: OpenClient;
  readonly #context: Context;

  constructor(open: OpenClient, context: Context) {
    this.#open = open;
    this.#context = context;
  }

  webhookAddress(): undefined {
    return undefined;
  }

  async apply({ deployment }: PlatformWorkload): Promise<void> {
    await this.#with((client) =>
      client.apply(DEPLOYMENTS, deployment as unknown as KubeObject, deployment.metadata?.namespace),
    );
  }

  async pause(name: string): Promise<void> {
    await this.#with(async (client) => {
      const deployment = await find(client, name);
      if (deployment === undefined) return;
      const replicas = deployment.spec?.replicas ?? 1;
      if (replicas > 0) await scale(client, deployment, 0, String(replicas));
      await waitFor(
        `the pods of ${name} to end`,
        async () => ((await podsOf(client, deployment)).length === 0 ? true : undefined),
        { clock: this.#context.clock, signal: this.#context.signal, timeoutMs: PAUSE_MS },
      );
    });
  }

  async resume(name: string): Promise<void> {
    await this.#with(async (client) => {
      const deployment = await find(client, name);
      const replicas = deployment?.metadata?.annotations?.[PAUSED];
      if (deployment === undefined || replicas === undefined) return;
      await scale(client, deployment, Number(replicas), null);
    });
  }

  replicas(name: string): ReturnType<Platform['replicas']> {
    return this.#with(async (client) => {
      const deployment = await find(client, name);
      if (deployment === undefined) return [];
      const pods = await podsOf(client, deployment);
      const memory = await podMemory(client, pods);
      const found = pods.map((pod) => ({
        name: pod.metadata?.name ?? '',
        running: isReady(pod),
        rss: memory.get(pod.metadata?.uid ?? '') ?? 0,
        ...troubleOf(pod),
      }));
      // A replica that has no pod yet is one that does not run.
      const wanted = deployment.spec?.replicas ?? 1;
      const absent = Array.from({ length: Math.max(0, wanted - found.length) }, (_, index) => ({
        name: `${name}, replica ${found.length + index + 1}`,
        running: false,
        rss: 0,
      }));
      return [...found, ...absent];
    });
  }

  async #with<T>(use: (client: KubeClient) => Promise<T>): Promise<T> {
    const client = await this.#open();
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }
}

async function find(client: KubeClient, name: string): Promise<V1Deployment | undefined> {
  const [deployment] = await client.list<V1Deployment>(DEPLOYMENTS, {
    fieldSelector: `metadata.name=${name}`,
  });
  return deployment;
}

/** Only pods of the present shape count: those of an earlier one are on their way out. */
async function podsOf(client: KubeClient, { metadata, spec }: V1Deployment): Promise<V1Pod[]> {
  const labelSelector = Object.entries(spec?.selector.matchLabels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  return client.list<V1Pod>(PODS, { namespace: metadata?.namespace ?? 'default', labelSelector });
}

async function scale(
  client: KubeClient,
  { metadata }: V1Deployment,
  replicas: number,
  remembered: string | null,
): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${metadata?.namespace ?? 'default'}/deployments/${metadata?.name ?? ''}`;
  await client.request('PATCH', path, {
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations: { [PAUSED]: remembered } }, spec: { replicas } },
  });
}

interface ContainerState {
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
}

/** What of a pod tells why it does not run. */
interface PodState {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
    readonly initContainerStatuses?: readonly ContainerState[];
    readonly containerStatuses?: readonly ContainerState[];
  };
}

/** What keeps a pod from running: nowhere to go, no image, a program that ends. */
export function troubleOf({ status }: PodState): { readonly trouble?: string } {
  const unscheduled = status?.conditions?.find(
    ({ type, status: holds, message }) =>
      type === 'PodScheduled' && holds === 'False' && message !== undefined,
  );
  const waiting = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
    .map(({ state }) => state?.waiting)
    .find((state) => state?.reason !== undefined && !STARTING.includes(state.reason));
  const trouble =
    unscheduled === undefined
      ? [waiting?.reason, waiting?.message].filter((part) => part !== undefined).join(': ')
      : `Pending: ${unscheduled.message ?? ''}`;
  return trouble === '' ? {} : { trouble };
}

/** Reasons to wait that pass by themselves. */
const STARTING: readonly string[] = ['ContainerCreating', 'PodInitializing'];

function isReady({ metadata, status }: V1Pod): boolean {
  return metadata?.deletionTimestamp === undefined && holds(status?.conditions, 'Ready');
}
