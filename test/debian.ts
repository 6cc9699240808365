import { nodeSources } from '../cluster/toolchain/debian-archive.ts';
import type { Context } from '../lib/context.ts';
import { Failure } from '../lib/errors.ts';

/** Whether packages for a tree of Debian's can be had on this host: what the tests of that need. */
export async function canFetchNodePackages(context: Context): Promise<boolean> {
  try {
    await nodeSources(context);
    return true;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'environment') return false;
    throw error;
  }
}
