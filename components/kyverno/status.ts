import type { Cluster } from '../../cluster/provider.ts';
import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { readInstalled } from './installed.ts';
import { admissionStandsStill } from './standstill.ts';
import { policiesTakenUp, SAMPLE, type TakenUp } from './taken-up.ts';
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
  /** Whether every replica runs, and the webhooks are registered and do what the policies ask for. */
  readonly ready: boolean;
  /** Its admission was stopped for a cold `seed-policies`, which is under way or was killed. */
  readonly stopped: boolean;
  readonly controllers: readonly ControllerStatus[];
  readonly webhooks: WebhooksStatus;
  /** Of a sample. */
  readonly policies: TakenUp;
}

export async function kyvernoStatus(
  cluster: Cluster,
  client: KubeClient,
  clock: Clock,
): Promise<KyvernoStatus> {
  const [installed, stopped, webhooks, policies, controllers] = await Promise.all([
    readInstalled(client),
    admissionStandsStill(cluster),
    webhooksStatus(client, clock.now()),
    policiesTakenUp(client, SAMPLE),
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
    stopped,
    controllers,
    webhooks,
    policies,
    ready: installed !== undefined && running && webhooks.missing.length + webhooks.bypassed.length === 0,
  };
}
