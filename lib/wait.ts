import prettyMilliseconds from 'pretty-ms';
import type { Clock } from './clock.ts';
import { Failure, interrupted, messageOf } from './errors.ts';
import { KubeError } from './kube/errors.ts';

export interface WaitOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long to wait, in milliseconds. */
  readonly timeoutMs: number;
  /** The longest pause between two probes, in milliseconds; the first pauses are shorter. */
  readonly maxPauseMs?: number;
  /** Says why it may have taken too long: the last lines of a log, say. Asked for at the deadline only. */
  readonly explain?: () => Promise<string | undefined>;
  readonly hint?: string;
}

/**
 * Waits until `probe` returns something other than undefined and returns that. A probe that throws a `Failure`
 * ends the wait at once (there is no use in waiting for a process that died); anything else it throws, answers of
 * the API server included, counts as "not yet" and is named when the deadline passes.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  options: WaitOptions,
): Promise<T> {
  const deadline = options.clock.now() + options.timeoutMs;
  let pause = 25;
  let last: unknown;
  for (;;) {
    if (options.signal.aborted) throw interrupted();
    try {
      const found = await probe();
      if (found !== undefined) return found;
      last = undefined;
    } catch (error) {
      if (error instanceof Failure && !(error instanceof KubeError)) throw error;
      last = error;
    }
    if (options.clock.now() >= deadline) break;
    await options.clock.sleep(pause, options.signal);
    pause = Math.min(pause * 1.5, options.maxPauseMs ?? 250);
  }
  const why = (await options.explain?.()) ?? (last === undefined ? undefined : messageOf(last));
  throw new Failure({
    kind: 'cluster',
    what: `Waited ${prettyMilliseconds(options.timeoutMs)} for ${what}`,
    ...(why === undefined ? {} : { why }),
    hint: options.hint ?? 'Look at `npm run logs` and run the command again.',
    cause: last,
  });
}
