import { PassThrough } from 'node:stream';
import { systemClock } from '../../lib/clock.ts';
import type { Context } from '../../lib/context.ts';
import { createOutput } from '../../lib/output.ts';
import { xdgPaths } from '../../lib/paths.ts';
import { systemRunner } from '../../lib/run.ts';

/**
 * A command's context without a person.
 * @param state the state root. Programs come from the person's cache, which is shared
 * @param stream given what is said, as JSON lines; absent: nobody listens
 */
export function quietContext(state: string, stream = new PassThrough().resume()): Context {
  const silent = Object.assign(stream, { isTTY: false });
  return {
    output: createOutput({ stdout: silent, stderr: silent }, true, {}),
    runner: systemRunner,
    clock: systemClock,
    paths: { cache: xdgPaths(process.env).cache, state },
    signal: new AbortController().signal,
    env: process.env,
  };
}
