import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import type { Progress } from '../../../lib/steps.ts';
import { hasImage, runEngine, type Engine } from '../engine.ts';
import { partsOf } from './reference.ts';

/** Half a gigabyte over a slow line. */
const PULL_MS = 20 * 60_000;

/**
 * Gets an image by its digest, which the engine verifies.
 * @param reference `kindest/node:v1.32.11@sha256:…`
 * @returns why it cannot be had, in one line, or undefined when the engine has it
 */
export async function pullImage(
  reference: string,
  engine: Engine,
  context: Context,
  progress: Progress,
): Promise<string | undefined> {
  const { name } = partsOf(reference);
  if (await hasImage(engine, context, reference)) return undefined;
  progress.update(`pulling ${name}`);
  try {
    await runEngine(engine, context, ['pull', '--quiet', reference], { timeoutMs: PULL_MS });
    return undefined;
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
    return (error.why ?? error.what).trim().split('\n').at(-1);
  }
}
