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
 * Sends requests as fast as the server takes them: the same HTTP client and number of connections as ours, bodies built
 * beforehand, answers thrown away, nothing compared, tried again, or shown.
 */
export class Flood {
  readonly #pool: Pool;
  readonly #connections: number;

  static async open(cluster: Cluster, connections: number): Promise<Flood> {
    const { server, ca, certificate, key } = await readCredentials(cluster.kubeconfig);
    const pair = certificate === undefined || key === undefined ? {} : { cert: certificate, key };
    const options = { connections, pipelining: 1, allowH2: false, connect: { ca, ...pair } };
    return new Flood(new Pool(server, options), connections);
  }

  private constructor(pool: Pool, connections: number) {
    this.#pool = pool;
    this.#connections = connections;
  }

  /** Sends the requests of all items, those of one item one after the other. */
  async send(items: readonly (readonly Prepared[])[]): Promise<void> {
    const queue = items.values();
    const worker = async (): Promise<void> => {
      for (const item of queue) for (const request of item) await this.#post(request);
    };
    await Promise.all(Array.from({ length: this.#connections }, worker));
  }

  async #post({ path, body }: Prepared): Promise<void> {
    const headers = { accept: 'application/json', 'content-type': 'application/json' };
    const response = await this.#pool.request({ method: 'POST', path, headers, body });
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

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
