import type { KubeClient } from '../../lib/kube/client.ts';
import { CONFIG_MAPS, type KubeObject } from '../../lib/kube/types.ts';
import { OWN_LABELS, OWN_NAMESPACE } from './state.ts';

/** A ConfigMap in the namespace of maintain-kubeusers that lets so many accounts go at once, for some minutes. */
const NAME = 'allow-mass-delete';
const VALID_MS = 10 * 60_000;

/** What was allowed, as the loop reads it. */
export interface MassDeletePermit {
  readonly removals: number;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/**
 * Lets the running loop remove that many accounts, which its guard would hold back: for whoever is about to take many out
 * of the directory on purpose. Ends by itself after ten minutes.
 */
export async function allowMassDelete(
  client: Pick<KubeClient, 'apply'>,
  removals: number,
  now = Date.now(),
): Promise<void> {
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: NAME, namespace: OWN_NAMESPACE, labels: OWN_LABELS },
    data: { removals: String(removals), until: new Date(now + VALID_MS).toISOString() },
  };
  await client.apply(CONFIG_MAPS, object, OWN_NAMESPACE);
}

/** The permit that an object of our namespace is, or undefined for any other object. */
export function readPermit(object: KubeObject): MassDeletePermit | undefined {
  if (object.metadata?.name !== NAME) return undefined;
  const { removals, until } = (object['data'] ?? {}) as Readonly<Record<string, string | undefined>>;
  const permit = { removals: Number(removals), until: Date.parse(until ?? '') };
  return Number.isInteger(permit.removals) && !Number.isNaN(permit.until) ? permit : undefined;
}
