import { runBulk, type BulkMeter, type BulkOutcome } from '../../lib/bulk.ts';
import type { Clock } from '../../lib/clock.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import { pathOf, POLICIES } from '../../lib/kube/types.ts';
import type { DoomedNamespace, RemoveClient } from '../empty-namespaces.ts';
import { removeNamespaces } from '../remove-namespaces.ts';
import { sharedNamespace, targets, POLICY_NAME, type Target } from './desired.ts';
import type { SeedPoliciesOptions } from './options.ts';
import { keyOf, type Observed } from './plan.ts';

/** What an account's namespace holds besides what every namespace does. */
export const POLICY_CONTENTS = [{ resource: POLICIES, name: POLICY_NAME }] as const;

/** What a deletion takes away; only what carries our label. */
export interface Removal {
  readonly namespaces: readonly DoomedNamespace[];
  /** Policies of the shared namespace, when others of it stay. */
  readonly policies: readonly Target[];
}

/**
 * The namespaces of the first `count` accounts, and with --single-namespace the first `count` policies of the shared one.
 * Without a count everything of the prefix.
 */
export function planRemoval(
  observed: Observed,
  options: Omit<SeedPoliciesOptions, 'count'> & { readonly count?: number | undefined },
): Removal {
  const { count, singleNamespace, prefix } = options;
  if (count === undefined)
    return { namespaces: ours(observed, [...observed.namespaces.keys()]), policies: [] };
  const wanted = [...targets({ ...options, count })];
  if (!singleNamespace) {
    return {
      namespaces: ours(
        observed,
        wanted.map(({ namespace }) => namespace),
      ),
      policies: [],
    };
  }
  const shared = sharedNamespace(prefix);
  const policies = wanted.filter(({ namespace, policy }) =>
    observed.policies.has(keyOf({ namespace, name: policy })),
  );
  const all = [...observed.policies.keys()].filter((key) => key.startsWith(`${shared}/`)).length;
  return policies.length === all
    ? { namespaces: ours(observed, [shared]), policies: [] }
    : { namespaces: [], policies };
}

function ours({ namespaces }: Observed, names: readonly string[]): DoomedNamespace[] {
  return names.flatMap((name) => {
    const state = namespaces.get(name);
    if (state === undefined || state.is === 'foreign') return [];
    return [{ name, uid: state.uid, terminating: state.is === 'terminating' }];
  });
}

export interface RemovalOptions {
  readonly concurrency: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly meter: BulkMeter;
}

export async function remove(
  client: RemoveClient,
  removal: Removal,
  options: RemovalOptions,
): Promise<BulkOutcome> {
  const { meter } = options;
  if (removal.policies.length === 0) {
    return removeNamespaces(client, removal.namespaces, {
      ...options,
      contents: POLICY_CONTENTS,
    });
  }
  return runBulk(removal.policies, {
    ...options,
    nameOf: ({ account }) => account.name,
    async work({ namespace, policy }) {
      await ifFound(client.request('DELETE', pathOf(POLICIES, namespace, policy)));
    },
    onSuccess: () => {
      meter.settle(true);
    },
    onFailure: () => {
      meter.settle(false);
    },
  });
}
