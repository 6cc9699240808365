import { bareKindSeconds, prepareBareKind } from '../../cluster/bare-kind.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';

/**
 * Seconds of a plain `kind create cluster`, one node and nothing on it, and of all of ours on kind, with the same image.
 * @param stack makes a cluster of ours on kind, and removes it; the seconds of the first half
 * @returns why not, where no node image can be had here
 */
export async function kindSeconds(
  name: string,
  stack: () => Promise<number>,
  context: Context,
): Promise<{ readonly bare: number; readonly ours: number } | string> {
  try {
    const bareKind = await prepareBareKind(name, context);
    await stack(); // so that everything is built and cached
    const bare = await bareKindSeconds(name, bareKind, context);
    return { bare, ours: await stack() };
  } catch (error) {
    if (error instanceof Failure && error.kind === 'environment')
      return [error.message, error.why].filter((part) => part !== undefined).join(': ');
    throw error;
  }
}
