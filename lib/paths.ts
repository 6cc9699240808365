import { homedir } from 'node:os';
import path from 'node:path';

/** The two places on disk that this project writes to, as a seam: tests pass temporary directories. */
export interface Paths {
  /** Binaries, Debian packages and Go's caches; may be deleted at any time. */
  readonly cache: string;
  /** One directory a cluster: record, keys, logs, data. */
  readonly state: string;
}

/** `$XDG_CACHE_HOME/toolforge-local` and `$XDG_STATE_HOME/toolforge-local`, with the specification's defaults. */
export function xdgPaths(env: NodeJS.ProcessEnv): Paths {
  const root = (variable: string, fallback: string): string => {
    const value = env[variable];
    // The specification: a relative path in these variables is to be ignored.
    const base = value !== undefined && path.isAbsolute(value) ? value : path.join(homedir(), fallback);
    return path.join(base, 'toolforge-local');
  };
  return { cache: root('XDG_CACHE_HOME', '.cache'), state: root('XDG_STATE_HOME', '.local/state') };
}
