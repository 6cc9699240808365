import type { Context } from '../../lib/context.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { ifFound, KubeError } from '../../lib/kube/errors.ts';
import { makeNamespace, removeNamespace } from '../../lib/kube/namespace.ts';
import { NO_RETRY } from '../../lib/kube/retry.ts';
import { pathOf, PODS, POLICIES, type KubeObject } from '../../lib/kube/types.ts';
import { isPolicyRefusal } from './refusal.ts';

/** A namespace of its own: Kyverno's webhooks leave its own namespace and kube-system out. */
export const CANARY_NAMESPACE = 'toolforge-local-canary';
const POLICY = 'canary';
const LABEL = 'toolforge-local/canary';

/** What Kyverno said to a request that was only tried. */
export type Verdict = 'accepted' | 'refused' | 'no answer';

/** A policy that refuses pods which carry one label; `broken`, one that Kyverno refuses itself. */
export function canaryPolicy(broken = false): KubeObject {
  return {
    apiVersion: 'kyverno.io/v1',
    kind: 'Policy',
    metadata: {
      name: POLICY,
      namespace: CANARY_NAMESPACE,
      annotations: { 'pod-policies.kyverno.io/autogen-controllers': 'none' },
    },
    spec: {
      background: false,
      // Not the rule's own `failureAction`, which Kyverno has since 1.13 only.
      validationFailureAction: 'Enforce',
      rules: [
        {
          name: 'refuse-canary',
          match: { any: [{ resources: { kinds: ['Pod'], operations: ['CREATE'] } }] },
          validate: {
            message: 'this pod is a canary',
            // A variable that no admission request has: Kyverno validates policies, the schema does not see it.
            pattern: {
              metadata: { labels: { [LABEL]: broken ? '{{ nothing.has.this.name }}' : '!refuse' } },
            },
          },
        },
      ],
    },
  };
}

function canaryPod(label: 'refuse' | 'accept'): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'canary', namespace: CANARY_NAMESPACE, labels: { [LABEL]: label } },
    spec: { containers: [{ name: 'canary', image: 'canary' }] },
  };
}

/** Puts the policy in force in its namespace; one of before that is still being deleted is waited for. */
export async function createCanary(
  client: KubeClient,
  context: Pick<Context, 'clock' | 'signal'>,
): Promise<void> {
  await makeNamespace(client, CANARY_NAMESPACE, context);
  await client.apply(POLICIES, canaryPolicy(), CANARY_NAMESPACE);
}

/** Takes policy and namespace away again; fine when there is nothing. */
export async function removeCanary(client: KubeClient): Promise<void> {
  await ifFound(client.delete(POLICIES, POLICY, CANARY_NAMESPACE));
  await removeNamespace(client, CANARY_NAMESPACE);
}

export const tryPod = (client: KubeClient, label: 'refuse' | 'accept'): Promise<Verdict> =>
  dryRun(client, pathOf(PODS, CANARY_NAMESPACE), canaryPod(label));

/** A policy in a namespace that always exists, so that nothing is left and nothing has to be made. */
export const tryPolicy = (client: KubeClient, broken: boolean): Promise<Verdict> => {
  const policy = canaryPolicy(broken);
  const inDefault = { ...policy, metadata: { ...policy.metadata, namespace: 'default' } };
  return dryRun(client, pathOf(POLICIES, 'default'), inDefault);
};

/** Creates the object without keeping it: it goes through all of admission, Kyverno's webhooks included. */
async function dryRun(client: KubeClient, path: string, body: unknown): Promise<Verdict> {
  try {
    await client.request('POST', path, {
      body,
      query: { dryRun: 'All' },
      retry: NO_RETRY,
      timeoutMs: 15_000,
    });
    return 'accepted';
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return isPolicyRefusal(error.message) ? 'refused' : 'no answer';
  }
}
