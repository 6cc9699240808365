import type {
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import type { KubeClient } from '../../lib/kube/client.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import type { Resource } from '../../lib/kube/types.ts';

const MUTATING: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
};
const VALIDATING: Resource = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
};

/** On everything that Kyverno registers (its sources: `LabelWebhookManagedBy`). */
const MANAGED = 'webhook.kyverno.io/managed-by=kyverno';

/**
 * The webhook configurations of Kyverno's admission controller that govern policies and resources. Those of policies
 * have rules from the start; those of resources get theirs with the first policy that asks for them.
 */
const EXPECTED = [
  { name: 'kyverno-policy-mutating-webhook-cfg', rules: true },
  { name: 'kyverno-policy-validating-webhook-cfg', rules: true },
  { name: 'kyverno-resource-mutating-webhook-cfg', rules: false },
  { name: 'kyverno-resource-validating-webhook-cfg', rules: false },
] as const;

export interface WebhookStatus {
  readonly name: string;
  /** Webhooks that have rules in this configuration. */
  readonly webhooks: number;
}

export interface WebhooksStatus {
  /** Everything that Kyverno registered: those that are expected and those of its other features. */
  readonly registered: readonly WebhookStatus[];
  /** Names of expected configurations that are not there, or lack the rules that they always have. */
  readonly missing: readonly string[];
}

export async function webhooksStatus(client: KubeClient): Promise<WebhooksStatus> {
  const lists = await Promise.all(
    [MUTATING, VALIDATING].map((resource) =>
      client.list<V1MutatingWebhookConfiguration | V1ValidatingWebhookConfiguration>(resource, {
        labelSelector: MANAGED,
      }),
    ),
  );
  const registered = lists.flat().map(({ metadata, webhooks }) => ({
    name: metadata?.name ?? '',
    webhooks: (webhooks ?? []).filter(({ rules }) => (rules ?? []).length > 0).length,
  }));
  const missing = EXPECTED.filter(({ name, rules }) => {
    const found = registered.find((candidate) => candidate.name === name);
    return found === undefined || (rules && found.webhooks === 0);
  });
  return { registered, missing: missing.map(({ name }) => name) };
}

/**
 * Takes Kyverno's admission out of the API servers' way while it is stopped: they would refuse every pod and policy, and
 * Kyverno itself unregisters only where it runs as pods. It registers again when it starts.
 */
export async function unregisterWebhooks(client: KubeClient): Promise<void> {
  for (const { name } of EXPECTED) {
    await ifFound(client.delete(name.includes('-mutating-') ? MUTATING : VALIDATING, name));
  }
}
