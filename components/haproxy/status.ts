import { API_PROXY } from './config.ts';
import { haproxyFiles, STATS_USER } from './service.ts';
import { readStats, type BackendStats } from './stats.ts';

export interface HAProxyStatus {
  /** Whether every frontend accepts connections and every backend has a server that is up. */
  readonly ready: boolean;
  /** The API servers first, then the Services that HAProxy balances. */
  readonly backends: readonly BackendStats[];
  readonly stats: {
    /** User name, and the file that holds the password; the password itself is not printed. */
    readonly user: string;
    readonly passwordFile: string;
  };
}

/**
 * What HAProxy says of itself and its servers, by its admin socket.
 * @param directory HAProxy's own, as in `HAProxyOptions`
 * @throws Failure `cluster` when it does not run
 */
export async function haproxyStatus(directory: string): Promise<HAProxyStatus> {
  const files = haproxyFiles(directory);
  const { backends, frontends } = await readStats(files.adminSocket);
  const balanced = backends
    .filter(({ servers }) => servers.length > 0)
    .sort((a, b) => Number(b.name === API_PROXY) - Number(a.name === API_PROXY));
  return {
    ready: balanced.every(
      ({ name, servers }) => frontends.includes(name) && servers.some(({ state }) => state === 'up'),
    ),
    backends: balanced,
    stats: { user: STATS_USER, passwordFile: files.password },
  };
}
