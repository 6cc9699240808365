import type { Cluster } from '../../cluster/provider.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { readInstalled } from './installed.ts';
import { webhooksStatus, type WebhooksStatus } from './webhooks.ts';
import { CONTROLLERS } from './workloads.ts';

export interface ControllerStatus {
  /** `kyverno-admission-controller` */
  readonly name: string;
  readonly replicas: Awaited<ReturnType<Cluster['platform']['replicas']>>;
}

export interface KyvernoStatus {
  /** What is installed and was seen to work; undefined: nothing is. */
  readonly version: string | undefined;
  /** Whether every replica runs and the webhooks are registered. */
  readonly ready: boolean;
  readonly controllers: readonly ControllerStatus[];
  readonly webhooks: WebhooksStatus;
}

export async function kyvernoStatus(cluster: Cluster, client: KubeClient): Promise<KyvernoStatus> {
  const [installed, webhooks, controllers] = await Promise.all([
    readInstalled(client),
    webhooksStatus(client),
    Promise.all(
      CONTROLLERS.map(async ({ deployment }) => ({
        name: deployment,
        replicas: await cluster.platform.replicas(deployment),
      })),
    ),
  ]);
  const running = controllers.every(
    ({ replicas }) => replicas.length > 0 && replicas.every((replica) => replica.running),
  );
  return {
    version: installed?.version,
    controllers,
    webhooks,
    ready: installed !== undefined && running && webhooks.missing.length === 0,
  };
}
