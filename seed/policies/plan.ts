import type { PolicyTemplate } from '../../components/kyverno/policies/render.ts';
import { Failure } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { NAMESPACES, POLICIES, type KubeObject, type ObjectMeta } from '../../lib/kube/types.ts';
import type { DoomedNamespace } from '../empty-namespaces.ts';
import { isOurs, isUpToDate } from './compare.ts';
import { desiredPolicy, targets, type Target } from './desired.ts';
import { SEED_LABEL, type SeedPoliciesOptions } from './options.ts';

/** What is in the cluster. Only as much is kept of each object as the plan needs. */
export interface Observed {
  /** All namespaces, since one that is not ours may have the name of one of ours. */
  readonly namespaces: ReadonlyMap<string, NamespaceState>;
  /** Policies of ours with this prefix, by `namespace/name`. */
  readonly policies: ReadonlyMap<string, KubeObject>;
}

export interface NamespaceState {
  readonly uid: string;
  /** `unlabelled`: ours, but without some of its other labels. */
  readonly is: 'foreign' | 'terminating' | 'unlabelled' | 'ready';
}

/** What is left to do for one account. */
export interface Work extends Target {
  readonly namespaceIs: 'missing' | 'different' | 'there';
  readonly policyIs: 'missing' | 'different' | 'there';
}

export interface SeedPlan {
  readonly work: readonly Work[];
  readonly unchanged: number;
  /** Namespaces of ours that are being deleted: they have to be gone before they can be made again. */
  readonly terminating: readonly DoomedNamespace[];
  /** Policies with this prefix beyond those asked for. They are left alone. */
  readonly more: number;
}

/** Reads what is there, in pages. */
export async function observe(
  client: Pick<KubeClient, 'pages'>,
  prefix: string,
  depth: 'everything' | 'metadata',
): Promise<Observed> {
  const namespaces = new Map<string, NamespaceState>();
  const policies = new Map<string, KubeObject>();
  const readNamespaces = async (): Promise<void> => {
    for await (const { items } of client.pages<KubeObject>(NAMESPACES, { metadataOnly: true })) {
      for (const { metadata = {} } of items) namespaces.set(metadata.name ?? '', stateOf(metadata, prefix));
    }
  };
  const readPolicies = async (): Promise<void> => {
    const selection = { labelSelector: `${SEED_LABEL}=${prefix}`, metadataOnly: depth === 'metadata' };
    for await (const { items } of client.pages<KubeObject>(POLICIES, selection)) {
      for (const policy of items) policies.set(keyOf(policy.metadata ?? {}), policy);
    }
  };
  await Promise.all([readNamespaces(), readPolicies()]);
  return { namespaces, policies };
}

function stateOf(metadata: ObjectMeta, prefix: string): NamespaceState {
  const { name, uid = '', labels = {}, deletionTimestamp } = metadata;
  if (!isOurs(metadata, prefix)) return { uid, is: 'foreign' };
  if (deletionTimestamp !== undefined) return { uid, is: 'terminating' };
  return { uid, is: labels['name'] === name && labels['tenancy'] === 'tool' ? 'ready' : 'unlabelled' };
}

/** Where a policy is in `Observed.policies`. */
export function keyOf({ namespace, name }: { readonly namespace?: string; readonly name?: string }): string {
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
  const terminating = new Map<string, DoomedNamespace>();
  let found = 0;
  let unchanged = 0;
  for (const target of targets(options)) {
    const namespace = observed.namespaces.get(target.namespace);
    const policy = observed.policies.get(keyOf({ namespace: target.namespace, name: target.policy }));
    if (policy !== undefined) found += 1;
    if (namespace?.is === 'foreign') foreign.add(target.namespace);
    if (namespace?.is === 'terminating') {
      terminating.set(target.namespace, { name: target.namespace, uid: namespace.uid, terminating: true });
    }
    if (namespace === undefined || namespace.is === 'terminating') {
      work.push({ ...target, namespaceIs: 'missing', policyIs: 'missing' });
      continue;
    }
    const namespaceIs = namespace.is === 'ready' ? 'there' : 'different';
    const policyIs = stateOfPolicy(policy, target);
    if (namespaceIs === 'there' && policyIs === 'there') unchanged += 1;
    else work.push({ ...target, namespaceIs, policyIs });
  }
  if (foreign.size > 0) throw foreignNamespaces([...foreign], options.prefix);
  return { work, unchanged, terminating: [...terminating.values()], more: observed.policies.size - found };

  function stateOfPolicy(policy: KubeObject | undefined, target: Target): Work['policyIs'] {
    if (policy === undefined) return 'missing';
    return isUpToDate(policy, desiredPolicy(target, options, template)) ? 'there' : 'different';
  }
}

/** The accounts whose policy is not there at all: looked at by name only. */
export function missingWork(observed: Observed, options: SeedPoliciesOptions): Work[] {
  return [...targets(options)]
    .filter(({ namespace, policy }) => !observed.policies.has(keyOf({ namespace, name: policy })))
    .map((target) => ({ ...target, namespaceIs: 'missing', policyIs: 'missing' }));
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
