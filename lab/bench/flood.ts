import { Pool } from 'undici';
import type { Cluster } from '../../cluster/provider.ts';
import { Failure } from '../../lib/errors.ts';
import { readCredentials } from '../../lib/kube/credentials.ts';

/** A request that is ready to be sent: nothing is computed while the flood runs. */
export interface Prepared {
  readonly path: string;
  readonly body: string;
}

/**
 * Sends requests as fast as the server takes them: the same HTTP client and number of connections, bodies built
 * beforehand, answers thrown away, nothing compared, retried, or shown. Those of one item are sent one after the other.
 * @returns seconds
 */
export async function flood(
  cluster: Cluster,
  items: readonly (readonly Prepared[])[],
  connections: number,
): Promise<number> {
  const { server, ca, certificate, key } = await readCredentials(cluster.kubeconfig);
  const connect = { ca, ...(certificate === undefined ? {} : { cert: certificate }), ...(key === undefined ? {} : { key }) };
  const pool = new Pool(server, { connections, pipelining: 1, allowH2: false, connect });
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) for (const request of item) await post(pool, request);
  };
  const started = performance.now();
  try {
    await Promise.all(Array.from({ length: connections }, worker));
    return (performance.now() - started) / 1000;
  } finally {
    await pool.destroy();
  }
}

async function post(pool: Pool, { path, body }: Prepared): Promise<void> {
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  const response = await pool.request({ method: 'POST', path, headers, body });
  if (response.statusCode === 201) {
    await response.body.dump();
    return;
  }
  throw new Failure({
    kind: 'cluster',
    what: `The flood was answered ${response.statusCode} at ${path}`,
    why: (await response.body.text()).slice(0, 500),
  });
}
