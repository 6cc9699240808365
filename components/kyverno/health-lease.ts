import type { Clock } from '../../lib/clock.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { LEASES } from '../../lib/kube/types.ts';
import { KYVERNO_NAMESPACE } from './chart.ts';

/** Kyverno's names for both (its sources: `pkg/controllers/webhook/controller.go`). */
const LEASE = 'kyverno-health';
const LAST_REQUEST = 'kyverno.io/last-request-time';

/**
 * Notes that Kyverno's webhooks answer from now on. Kyverno notes it itself every ten seconds, through its own webhook;
 * one that finds the note older than 100 s, or none, takes all rules out of its resource webhooks, so that nothing waits
 * for it. After a stop the note is as old as the stop was long, and Kyverno 1.12 with 3,500 policies needs a quarter of
 * an hour to put the rules back, for it writes the status of each policy in between: until then pods pass by it.
 * For use right before its controllers start.
 */
export async function refreshHealthLease(client: KubeClient, clock: Clock): Promise<void> {
  await client.apply(
    LEASES,
    {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: LEASE, annotations: { [LAST_REQUEST]: new Date(clock.now()).toISOString() } },
    },
    KYVERNO_NAMESPACE,
  );
}
