import type { Context } from '../../../lib/context.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { makeNamespace, removeNamespace } from '../../../lib/kube/namespace.ts';
import { pathOf, PODS, POLICIES } from '../../../lib/kube/types.ts';
import { waitFor } from '../../../lib/wait.ts';
import type { AccountPolicy } from '../policies/render.ts';
import { isPolicyRefusal } from '../refusal.ts';
import type { Probe } from './probes.ts';

/** Where a policy is tried; it is made for that, and removed. */
export const TRIAL_NAMESPACE = 'toolforge-local-policy-trial';
const TAKEN_UP_MS = 60_000;

/** One pair of pods that did not fare as it should. */
export interface FailedProbe {
  readonly about: string;
  readonly problem: string;
}

/** Undefined: the pod was admitted. */
type Refusal = { readonly byPolicy: boolean; readonly message: string } | undefined;

/**
 * Puts the policy in force in a namespace of its own and tries each pair of pods, without keeping any.
 * @param policy enforced, and for that namespace
 */
export async function tryPolicy(
  client: KubeClient,
  policy: AccountPolicy,
  probes: readonly Probe[],
  context: Context,
): Promise<FailedProbe[]> {
  try {
    await makeNamespace(client, TRIAL_NAMESPACE, context);
    await client.apply(POLICIES, policy, TRIAL_NAMESPACE);
    await takenUp(client, probes, context);
    const failed: FailedProbe[] = [];
    for (const { about, allowed, refused } of probes) {
      const [first, second] = [await refusal(client, allowed), await refusal(client, refused)];
      if (first !== undefined)
        failed.push({ about, problem: `the pod that it should admit is refused: ${first.message}` });
      if (second === undefined) failed.push({ about, problem: 'the pod that it should refuse is admitted' });
      else if (!second.byPolicy)
        failed.push({ about, problem: `not the policy refuses the pod: ${second.message}` });
    }
    return failed;
  } finally {
    await removeNamespace(client, TRIAL_NAMESPACE);
  }
}

/** A policy is enforced a moment after it was written: from then on some pod that it forbids is refused. */
async function takenUp(
  client: KubeClient,
  probes: readonly Probe[],
  { clock, signal }: Context,
): Promise<void> {
  await waitFor(
    'Kyverno to take up the policy',
    async () => {
      const said = await Promise.all(probes.slice(0, 4).map(({ refused }) => refusal(client, refused)));
      return said.some((answer) => answer?.byPolicy === true) ? true : undefined;
    },
    { clock, signal, timeoutMs: TAKEN_UP_MS, maxPauseMs: 200 },
  );
}

async function refusal(client: KubeClient, spec: object): Promise<Refusal> {
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'probe', namespace: TRIAL_NAMESPACE },
    spec: { containers: [{ name: 'probe', image: 'probe' }], ...spec },
  };
  try {
    await client.request('POST', pathOf(PODS, TRIAL_NAMESPACE), { body, query: { dryRun: 'All' } });
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError) || error.status < 400 || error.status >= 500) throw error;
    const message = (error.why ?? error.what).replaceAll(/\s+/g, ' ');
    return { byPolicy: isPolicyRefusal(message), message };
  }
}
