import type { PolicyTemplate } from '../../components/kyverno/policies/render.ts';
import { Failure } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { NAMESPACES, POLICIES, type KubeObject } from '../../lib/kube/types.ts';
import { includes, isOurs, isUpToDate } from './compare.ts';
import { desiredPolicy, targets, type Target } from './desired.ts';
import { SEED_LABEL, type SeedPoliciesOptions } from './options.ts';

/** What is in the cluster. Only as much is kept of each object as the plan needs. */
export interface Observed {
  /** All namespaces, since one that is not ours may have the name of one of ours. */
  readonly namespaces: ReadonlyMap<string, NamespaceState>;
  /** Policies of ours with this prefix, by `namespace/name`. */
  readonly policies: ReadonlyMap<string, KubeObject>;
}

export type NamespaceState = 'foreign' | 'terminating' | 'unlabelled' | 'ready';

/** What is left to do for one account. */
export interface Work extends Target {
  readonly namespaceIs: 'create' | 'label' | 'there';
  readonly policyIs: 'create' | 'change' | 'there';
}

export interface SeedPlan {
  readonly work: readonly Work[];
  readonly unchanged: number;
  /** Namespaces of ours that are being deleted: they have to be gone before they can be made again. */
  readonly terminating: readonly string[];
  /** Policies with this prefix beyond those asked for. They are left alone. */
  readonly more: number;
}

/** Reads what is there, in pages. */
export async function observe(
  client: Pick<KubeClient, 'pages'>,
  options: SeedPoliciesOptions,
): Promise<Observed> {
  const namespaces = new Map<string, NamespaceState>();
  const policies = new Map<string, KubeObject>();
  const wanted = { metadata: { labels: { tenancy: 'tool' } } };
  await Promise.all([
    (async () => {
      for await (const { items } of client.pages<KubeObject>(NAMESPACES)) {
        for (const namespace of items) namespaces.set(namespace.metadata?.name ?? '', stateOf(namespace));
      }
    })(),
    (async () => {
      const labelSelector = `${SEED_LABEL}=${options.prefix}`;
      for await (const { items } of client.pages<KubeObject>(POLICIES, { labelSelector })) {
        for (const policy of items) policies.set(keyOf(policy.metadata ?? {}), policy);
      }
    })(),
  ]);
  return { namespaces, policies };

  function stateOf(namespace: KubeObject): NamespaceState {
    const { metadata } = namespace;
    if (!isOurs(metadata, options.prefix)) return 'foreign';
    if (metadata?.deletionTimestamp !== undefined) return 'terminating';
    return includes(namespace, wanted) && metadata?.labels?.['name'] === metadata?.name ? 'ready' : 'unlabelled';
  }
}

function keyOf({ namespace, name }: { readonly namespace?: string; readonly name?: string }): string {
  return `${namespace ?? ''}/${name ?? ''}`;
}

/**
 * What is missing or different.
 * @throws Failure `foreign` when namespaces have our names but are not ours: nothing was written yet
 */
export function makePlan(
  observed: Observed,
  options: SeedPoliciesOptions,
  template: PolicyTemplate,
): SeedPlan {
  const work: Work[] = [];
  const foreign = new Set<string>();
  const terminating = new Set<string>();
  let found = 0;
  let unchanged = 0;
  for (const target of targets(options)) {
    const state = observed.namespaces.get(target.namespace);
    if (state === 'foreign') foreign.add(target.namespace);
    if (state === 'terminating') terminating.add(target.namespace);
    const policy = observed.policies.get(keyOf({ namespace: target.namespace, name: target.policy }));
    if (policy !== undefined) found += 1;
    const namespaceIs = state === undefined || state === 'terminating' ? 'create' : state === 'ready' ? 'there' : 'label';
    const policyIs =
      policy === undefined || state === 'terminating'
        ? 'create'
        : isUpToDate(policy, desiredPolicy(target, options, template))
          ? 'there'
          : 'change';
    if (namespaceIs === 'there' && policyIs === 'there') unchanged += 1;
    else work.push({ ...target, namespaceIs, policyIs });
  }
  if (foreign.size > 0) throw foreignNamespaces([...foreign], options.prefix);
  return { work, unchanged, terminating: [...terminating], more: observed.policies.size - found };
}

function foreignNamespaces(names: readonly string[], prefix: string): Failure {
  const [first = '', ...others] = names;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return new Failure({
    kind: 'foreign',
    what: `Namespace ${first}${more} exists and was not made by seed-policies`,
    why: `${names.length === 1 ? 'it lacks' : 'they lack'} the label ${SEED_LABEL}=${prefix}`,
    hint: 'Nothing was changed. Choose other names with --prefix.',
  });
}
