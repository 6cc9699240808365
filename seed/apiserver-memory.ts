import type { Cluster } from '../cluster/provider.ts';
import { formatBytes } from '../lib/sizes.ts';

/** Reading takes a few files on Linux, a container call elsewhere: often enough to see a climb. */
const INTERVAL_MS = 2_000;

/** Watches what the API servers use while objects come and go. */
export class ApiserverMemory {
  /** Resident bytes, one for each API server that is up. */
  latest: readonly number[] = [];
  readonly #cluster: Pick<Cluster, 'memory'>;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;

  constructor(cluster: Pick<Cluster, 'memory'>) {
    this.#cluster = cluster;
  }

  /** Reads now, and again and again until `stop`. */
  async start(): Promise<void> {
    await this.read();
    this.#timer = setInterval(() => {
      this.#reading ??= this.read().finally(() => (this.#reading = undefined));
    }, INTERVAL_MS);
  }

  /** Reads once more; a control plane that cannot be read just now keeps its last values. */
  async read(): Promise<void> {
    try {
      const machines = await this.#cluster.memory();
      this.latest = machines
        .flatMap(({ processes }) => processes)
        .filter(({ name, rss }) => name.startsWith('kube-apiserver') && rss > 0)
        .map(({ rss }) => rss);
    } catch {
      // Only a figure on the screen: the work itself goes on.
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
  }
}

/** `apiserver 657 MiB`, `apiservers 657 MiB + 670 MiB + 823 MiB`; empty where nothing could be read. */
export function formatApiservers(bytes: readonly number[]): readonly string[] {
  if (bytes.length === 0) return [];
  return [`${bytes.length === 1 ? 'apiserver' : 'apiservers'} ${bytes.map(formatBytes).join(' + ')}`];
}
