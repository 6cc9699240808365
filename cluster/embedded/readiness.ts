import type { Context } from '../../lib/context.ts';
import type { PkiStore } from '../pki/store.ts';
import type { Endpoint } from '../provider.ts';
import { waitForApiserver } from '../readiness.ts';
import type { Supervisor } from '../supervisor/service.ts';

/** What of a cluster is asked here. */
export interface Probed {
  readonly apiservers: readonly Endpoint[];
  readonly supervisor: Supervisor;
  readonly pki: PkiStore;
}

/** A cold machine with a compiler at work took 25 s for three; this is for the slowest laptop. */
const TIMEOUT_MS = 120_000;

/**
 * Waits until every API server answers `/readyz` itself, not through HAProxy. A process that dies again and again
 * ends the wait with its last lines.
 */
export async function waitForApiservers(cluster: Probed, context: Context): Promise<void> {
  await Promise.all(
    cluster.apiservers.map((endpoint, index) => {
      const title = `kube-apiserver-${index + 1}`;
      const starting = {
        title,
        timeoutMs: TIMEOUT_MS,
        maxPauseMs: 100,
        async requireAlive() {
          await cluster.supervisor.assertAlive('etcd-1');
          await cluster.supervisor.assertAlive(title);
        },
        explain: async () => (await cluster.supervisor.lastLines(title, 5)).join('\n'),
      };
      return waitForApiserver(endpoint, cluster.pki, starting, context);
    }),
  );
}
