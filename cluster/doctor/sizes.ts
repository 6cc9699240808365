import { statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { systemCode } from '../../lib/errors.ts';
import { exists } from '../toolchain/cache.ts';

/** The bytes that a directory takes on disk; 0 where there is none. `du` reads 400,000 files in two seconds. */
export async function directorySize(directory: string, context: Context): Promise<number> {
  if (!(await exists(directory))) return 0;
  const { stdout } = await context.runner.run('du', ['-sk', directory], {
    signal: context.signal,
    okExitCodes: [1], // a file that went away meanwhile
  });
  return Number(/^\d+/.exec(stdout)?.[0] ?? 0) * 1024;
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
