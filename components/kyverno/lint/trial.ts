import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { holds, type Condition } from '../../../lib/kube/conditions.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { makeNamespace, removeNamespace } from '../../../lib/kube/namespace.ts';
import { pathOf, PODS, POLICIES, type KubeObject } from '../../../lib/kube/types.ts';
import type { Progress } from '../../../lib/steps.ts';
import { waitFor } from '../../../lib/wait.ts';
import type { AccountPolicy } from '../policies/render.ts';
import { isPolicyRefusal } from '../refusal.ts';
import { policiesTakenUp, SAMPLE, shareTakenUp } from '../taken-up.ts';
import type { Probe } from './probes.ts';

/** Where a policy is tried; it is made for that, and removed. */
export const TRIAL_NAMESPACE = 'toolforge-local-policy-trial';
/**
 * Kyverno enforces a policy once its status says Ready, and one worker brings the statuses of all policies up to date, one
 * after the other: with thousands of others, minutes (docs/migration.md).
 */
const READY_MS = 40 * 60_000;
/** Counting thousands of policies is work for the API server too. */
const COUNT_EVERY_MS = 10_000;
/** From then on it is a moment. */
const ENFORCED_MS = 60_000;

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
  progress: Progress,
): Promise<FailedProbe[]> {
  try {
    await makeNamespace(client, TRIAL_NAMESPACE, context);
    await client.apply(POLICIES, policy, TRIAL_NAMESPACE);
    await takenUp(client, policy, probes, context, progress);
    progress.update('pairs of pods');
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

/** Waits until a pod that the policy forbids is refused. */
async function takenUp(
  client: KubeClient,
  policy: KubeObject,
  probes: readonly Probe[],
  { clock, signal }: Context,
  progress: Progress,
): Promise<void> {
  let readyAt: number | undefined;
  let countAt = 0;
  await waitFor(
    'Kyverno to take up the policy that is tried',
    async () => {
      const said = await Promise.all(probes.slice(0, 4).map(({ refused }) => refusal(client, refused)));
      if (said.some((answer) => answer?.byPolicy === true)) return true;
      const known = await client.get<Noted>(POLICIES, policy.metadata?.name ?? '', TRIAL_NAMESPACE);
      if (!holds(known.status?.conditions, 'Ready')) {
        if (clock.now() < countAt) return undefined;
        const share = shareTakenUp(await policiesTakenUp(client, SAMPLE));
        progress.update(`waiting for Kyverno, which has taken up ${share} of the policies`);
        countAt = clock.now() + COUNT_EVERY_MS;
        return undefined;
      }
      progress.update('waiting for Kyverno to enforce the policy');
      readyAt ??= clock.now();
      if (clock.now() - readyAt > ENFORCED_MS) throw notEnforced();
      return undefined;
    },
    { clock, signal, timeoutMs: READY_MS, maxPauseMs: 1_000 },
  );
}

interface Noted extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

function notEnforced(): Failure {
  return new Failure({
    kind: 'cluster',
    what: 'Kyverno does not enforce the policy that is tried',
    why: `its status says Ready, and ${ENFORCED_MS / 1000} s later pods that it forbids are admitted still`,
    hint: 'Does each rule match pods? Look at `npm run status` and `npm run logs kyverno-admission-controller-1` too.',
  });
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
