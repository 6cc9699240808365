import type { Cluster } from '../../cluster/provider.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Context } from '../../lib/context.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { waitFor, type WaitOptions } from '../../lib/wait.ts';
import { createCanary, removeCanary, tryPod, tryPolicy, type Verdict } from './canary.ts';
import { readInstalled, writeInstalled, type Installed } from './installed.ts';
import { describeBypassed, webhooksStatus } from './webhooks.ts';
import { CONTROLLERS } from './workloads.ts';

/** Three seconds on an idle machine; a cold laptop that builds something else, ten times that. */
const TIMEOUT_MS = 180_000;

/**
 * Waits until Kyverno does its work: its webhooks are registered, and through every API server it refuses what it
 * should and accepts the rest. After an installation or a change a policy is created for that, and a pod that it
 * forbids is tried; later only policies are tried, which leaves no trace at all.
 */
export async function waitForKyverno(
  cluster: Cluster,
  client: KubeClient,
  installed: Installed,
  context: Context,
): Promise<string> {
  const waiting = waitOptions(cluster, context);
  await waitFor("Kyverno's webhooks", () => registered(cluster, client, context.clock), waiting);
  const servers = cluster.apiservers.length;
  await waitFor('Kyverno to judge policies', () => judgesPolicies(client, servers), waiting);
  if ((await readInstalled(client))?.fingerprint === installed.fingerprint) return 'webhooks answer';
  try {
    await createCanary(client, context);
    await waitFor('Kyverno to refuse a forbidden pod', () => judgesPods(client, servers), waiting);
  } finally {
    await removeCanary(client);
  }
  await writeInstalled(client, installed);
  return 'webhooks registered, a forbidden pod refused';
}

async function registered(cluster: Cluster, client: KubeClient, clock: Clock): Promise<true | undefined> {
  await assertRunning(cluster);
  const { missing, bypassed } = await webhooksStatus(client, clock.now());
  if (missing.length > 0)
    throw new Error([`not registered yet: ${missing.join(', ')}`, ...(await troubles(cluster))].join('\n'));
  if (bypassed.length > 0) throw new Error(describeBypassed(bypassed));
  return true;
}

async function judgesPolicies(client: KubeClient, servers: number): Promise<true | undefined> {
  const refused = await everywhere(servers, () => tryPolicy(client, true));
  const accepted = await everywhere(servers, () => tryPolicy(client, false));
  return requireVerdicts('a policy', refused, accepted);
}

async function judgesPods(client: KubeClient, servers: number): Promise<true | undefined> {
  const refused = await everywhere(servers, () => tryPod(client, 'refuse'));
  const accepted = await everywhere(servers, () => tryPod(client, 'accept'));
  return requireVerdicts('a pod', refused, accepted);
}

/**
 * As many requests at once as there are API servers: each takes a connection of its own, and HAProxy hands
 * connections out in turn, so each API server gets one. They learn of new webhooks independently of each other.
 */
function everywhere(servers: number, attempt: () => Promise<Verdict>): Promise<Verdict[]> {
  return Promise.all(Array.from({ length: servers }, attempt));
}

function requireVerdicts(what: string, bad: readonly Verdict[], good: readonly Verdict[]): true {
  if (bad.some((verdict) => verdict !== 'refused')) throw new Error(`${what} to refuse: ${bad.join(', ')}`);
  if (good.some((verdict) => verdict !== 'accepted'))
    throw new Error(`${what} to accept: ${good.join(', ')}`);
  return true;
}

/** There is no use in waiting for a controller that ends again and again. Nothing to ask where they are pods. */
async function assertRunning({ supervisor, platform }: Cluster): Promise<void> {
  for (const { deployment } of CONTROLLERS) {
    for (const { name } of await platform.replicas(deployment)) {
      if ((await supervisor.names()).includes(name)) await supervisor.assertAlive(name);
    }
  }
}

/** What Kubernetes says of pods of Kyverno's that do not run. */
async function troubles({ platform }: Cluster): Promise<string[]> {
  const replicas = await Promise.all(CONTROLLERS.map(({ deployment }) => platform.replicas(deployment)));
  return replicas
    .flat()
    .flatMap(({ name, running, trouble }) =>
      running || trouble === undefined ? [] : [`${name}: ${trouble}`],
    );
}

function waitOptions({ platform }: Cluster, { clock, signal }: Context): WaitOptions {
  const log = `npm run logs ${platform.balancedServices.length > 0 ? 'kyverno-admission-controller-1' : 'kyverno-admission-controller'}`;
  return {
    clock,
    signal,
    timeoutMs: TIMEOUT_MS,
    maxPauseMs: 100,
    hint: `Look at \`${log}\`, and run \`npm run up\` again.`,
  };
}
