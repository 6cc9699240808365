import type { Context } from '../../lib/context.ts';
import { KubeClient } from '../../lib/kube/client.ts';
import { NO_RETRY } from '../../lib/kube/retry.ts';
import { waitFor } from '../../lib/wait.ts';
import type { PkiStore } from '../pki/store.ts';
import type { Endpoint } from '../provider.ts';
import type { Supervisor } from '../supervisor/service.ts';
import { credentialsOf } from './keys.ts';

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
    cluster.apiservers.map(async (endpoint, index) => {
      const server = `https://${endpoint.host}:${endpoint.port}`;
      const client = new KubeClient({
        credentials: await credentialsOf(cluster.pki, 'admin', server),
        clock: context.clock,
        signal: context.signal,
        connections: 1,
        retry: NO_RETRY,
      });
      const service = `kube-apiserver-${index + 1}`;
      try {
        await waitFor(
          `${service} to be ready`,
          async () => {
            await cluster.supervisor.assertAlive('etcd-1');
            await cluster.supervisor.assertAlive(service);
            await client.request('GET', '/readyz', { timeoutMs: 2_000 });
            return true;
          },
          {
            clock: context.clock,
            signal: context.signal,
            timeoutMs: TIMEOUT_MS,
            maxPauseMs: 100,
            explain: async () => (await cluster.supervisor.lastLines(service, 5)).join('\n'),
          },
        );
      } finally {
        await client.close();
      }
    }),
  );
}
