import type {
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhookConfiguration,
} from '@kubernetes/client-node';
import type { KubeClient } from '../../lib/kube/client.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import { pathOf, POLICIES, type KubeList, type KubeObject, type Resource } from '../../lib/kube/types.ts';

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

const CLUSTER_POLICIES: Resource = { ...POLICIES, plural: 'clusterpolicies' };

/** On everything that Kyverno registers (its sources: `LabelWebhookManagedBy`). */
const MANAGED = 'webhook.kyverno.io/managed-by=kyverno';

/**
 * The webhook configurations of Kyverno's admission controller that govern policies and resources. Those of policies
 * have rules from the start; those of resources get theirs with the first policy that has such a rule.
 */
const EXPECTED = [
  { name: 'kyverno-policy-mutating-webhook-cfg', rules: 'always' },
  { name: 'kyverno-policy-validating-webhook-cfg', rules: 'always' },
  { name: 'kyverno-resource-mutating-webhook-cfg', rules: 'mutate' },
  { name: 'kyverno-resource-validating-webhook-cfg', rules: 'validate' },
] as const;

type RuleType = 'mutate' | 'validate';

/** A policy gets its webhook a moment after it was made: until then an empty one means nothing. */
const SETTLES_MS = 30_000;

/** How many policies are looked at for what they ask of the webhooks: each tool's is like every other's. */
const LOOKED_AT = 5;

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
  /**
   * Names of those that have no rules although a policy has some for them: what the policy is about
   * passes by Kyverno. It empties them itself when it believes to have been out of reach for 100 s (`health-lease.ts`).
   */
  readonly bypassed: readonly string[];
}

/** @param now milliseconds since the epoch, against which the age of policies is told */
export async function webhooksStatus(client: KubeClient, now: number): Promise<WebhooksStatus> {
  const [asked, ...lists] = await Promise.all([
    askedFor(client, now),
    ...[MUTATING, VALIDATING].map((resource) =>
      client.list<V1MutatingWebhookConfiguration | V1ValidatingWebhookConfiguration>(resource, {
        labelSelector: MANAGED,
      }),
    ),
  ]);
  const registered = lists.flat().map(({ metadata, webhooks }) => ({
    name: metadata?.name ?? '',
    webhooks: (webhooks ?? []).filter(({ rules }) => (rules ?? []).length > 0).length,
  }));
  const missing: string[] = [];
  const bypassed: string[] = [];
  for (const { name, rules } of EXPECTED) {
    const found = registered.find((candidate) => candidate.name === name);
    if (found === undefined || (rules === 'always' && found.webhooks === 0)) missing.push(name);
    else if (rules !== 'always' && asked.has(rules) && found.webhooks === 0) bypassed.push(name);
  }
  return { registered, missing, bypassed };
}

/** For people: `kyverno-resource-mutating-webhook-cfg is empty: pods pass by Kyverno` */
export function describeBypassed(names: readonly string[]): string {
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} empty: pods pass by Kyverno`;
}

interface Policy extends KubeObject {
  readonly spec?: {
    readonly admission?: boolean;
    readonly rules?: readonly Partial<Record<RuleType, unknown>>[];
  };
}

/** What the policies ask of the webhooks. Their own `Ready` is no help: Kyverno takes it back when it empties them. */
async function askedFor(client: KubeClient, now: number): Promise<Set<RuleType>> {
  const query = { limit: LOOKED_AT };
  const pages = await Promise.all(
    [POLICIES, CLUSTER_POLICIES].map((resource) =>
      ifFound(client.request<KubeList<Policy>>('GET', pathOf(resource), { query })),
    ),
  );
  const rules = pages
    .flatMap((page) => page?.items ?? [])
    .filter(({ metadata, spec }) => {
      const made = new Date(metadata?.creationTimestamp ?? now).getTime();
      return spec?.admission !== false && now - made > SETTLES_MS;
    })
    .flatMap(({ spec }) => spec?.rules ?? []);
  return new Set(
    (['mutate', 'validate'] as const).filter((type) => rules.some((rule) => rule[type] !== undefined)),
  );
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
