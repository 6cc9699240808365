import type { Context } from '../lib/context.ts';
import { acquireLock } from '../lib/lock.ts';
import { clusterDirectory } from './record.ts';

/**
 * Does some work while no other command may change that cluster.
 * @param command whose work it is, for the message that others get
 * @throws Failure `busy` when another command is at work on it
 */
export async function withClusterLock<T>(
  name: string,
  command: string,
  { paths, clock, signal }: Pick<Context, 'paths' | 'clock' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  const release = await acquireLock(`${clusterDirectory(paths, name)}.lock`, { command, clock, signal });
  try {
    return await work();
  } finally {
    await release();
  }
}
