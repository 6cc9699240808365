import type { KubeClient } from '../../lib/kube/client.ts';
import { CONFIG_MAPS, type KubeObject } from '../../lib/kube/types.ts';
import type { AccountId } from './accounts/account.ts';
import { ObservedState } from './difference/observed.ts';
import { observeOnce } from './loop/observe.ts';
import { OWN_LABELS, OWN_NAMESPACE } from './state.ts';

/** A ConfigMap in the namespace of maintain-kubeusers that lets so many accounts go at once, for some minutes. */
const NAME = 'allow-mass-delete';
export const PERMIT_MINUTES = 10;

/** What was allowed, as the loop reads it. */
export interface MassDeletePermit {
  readonly removals: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/**
 * Lets the running loop remove that many accounts, which its guard would hold back: for whoever is about to take many out
 * of the directory on purpose. Takes the place of an earlier permit, and ends by itself when they are gone or after ten
 * minutes.
 */
export async function allowMassDelete(
  client: Pick<KubeClient, 'apply'>,
  removals: number,
  now = Date.now(),
): Promise<void> {
  const until = new Date(now + PERMIT_MINUTES * 60_000).toISOString();
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: NAME, namespace: OWN_NAMESPACE, labels: OWN_LABELS },
    data: { removals: String(removals), until },
  };
  await client.apply(CONFIG_MAPS, object, OWN_NAMESPACE);
}

/** How many of these accounts the cluster has something of, whatever the directory says of them by now. */
export async function countInCluster(
  client: Pick<KubeClient, 'pages'>,
  isMeant: (id: AccountId) => boolean,
): Promise<number> {
  const observed = new ObservedState();
  await observeOnce(client, observed);
  return [...observed.accounts().values()].filter(
    ({ id, namespace, disabled }) => isMeant(id) && (namespace !== 'terminating' || disabled !== undefined), // the others are as good as gone
  ).length;
}

/** The permit that an object of our namespace is, or undefined for any other object. */
export function readPermit(object: KubeObject): MassDeletePermit | undefined {
  if (object.metadata?.name !== NAME) return undefined;
  const { removals, until } = (object['data'] ?? {}) as Readonly<Record<string, string | undefined>>;
  const permit = { removals: Number(removals), until: Date.parse(until ?? '') };
  return Number.isInteger(permit.removals) && !Number.isNaN(permit.until) ? permit : undefined;
}
