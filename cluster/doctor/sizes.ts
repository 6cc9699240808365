import { statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure, systemCode } from '../../lib/errors.ts';
import { exists } from '../../lib/files.ts';

/** What a cluster with the default profile, its HAProxy, LDAP and Kyverno hold after `up` (measured: 1.4 GiB). */
export const CLUSTER_MEMORY = 2 * 1024 ** 3;
/** etcd's data, logs and images of a cluster with thousands of policies. */
export const STATE_SPACE = 2 * 1024 ** 3;

/**
 * The bytes that a directory takes on disk; 0 where there is none.
 * @param timeoutMs given: undefined when counting takes longer (Go's caches are half a million files)
 */
export async function directorySize(
  directory: string,
  context: Context,
  timeoutMs?: number,
): Promise<number | undefined> {
  if (!(await exists(directory))) return 0;
  try {
    const { stdout } = await context.runner.run('du', ['-sk', directory], {
      signal: context.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      okExitCodes: [1], // a file that went away meanwhile
    });
    return Number(/^\d+/.exec(stdout)?.[0] ?? 0) * 1024;
  } catch (error) {
    if (timeoutMs !== undefined && error instanceof Failure && error.kind === 'environment') return undefined;
    throw error;
  }
}

/** The free bytes for this user where the directory is, or will be. */
export async function freeSpace(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return freeSpace(path.dirname(directory));
  }
}
