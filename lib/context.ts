import type { Clock } from './clock.ts';
import type { Output } from './output.ts';
import type { Paths } from './paths.ts';
import type { Runner } from './run.ts';

/** What every operation is given: the seams to the world outside, and the means to stop. */
export interface Context {
  readonly output: Output;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly paths: Paths;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}
