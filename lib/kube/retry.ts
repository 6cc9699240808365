import type { Clock } from '../clock.ts';
import { Failure } from '../errors.ts';
import type { KubeError } from './errors.ts';

export interface RetryPolicy {
  /** Give up when this much time has passed since the first try, in milliseconds. */
  readonly budgetMs: number;
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
}

/**
 * A restarting API server behind HAProxy takes about 20 s to be taken out of production's backend (inter 10 s,
 * fall 2) and a few seconds to come back: the budget covers both.
 */
export const DEFAULT_RETRY: RetryPolicy = { budgetMs: 60_000, firstPauseMs: 50, maxPauseMs: 2_000 };

/** No second try: for probes that poll by themselves. */
export const NO_RETRY: RetryPolicy = { budgetMs: 0, firstPauseMs: 0, maxPauseMs: 0 };

/** An answer, with what it says about when to come back. */
export interface Answered {
  readonly error: KubeError;
  /** The Retry-After header in milliseconds, where there was one. */
  readonly retryAfterMs?: number;
}

/** Whether another try of the same request may go better: no answer, too many requests, or a server's trouble. */
export function isTransient(error: KubeError): boolean {
  return error.status === 0 || error.status === 429 || (error.status >= 500 && error.status !== 501);
}

/**
 * Tries until it goes well, the error is not transient, or the budget is used up. Pauses double and are jittered;
 * a Retry-After of the server wins over them.
 */
export async function withRetry<T>(
  attempt: () => Promise<T | Answered>,
  isAnswered: (value: T | Answered) => value is Answered,
  policy: RetryPolicy,
  clock: Clock,
  signal: AbortSignal | undefined,
  onRetry?: (error: KubeError) => void,
): Promise<T> {
  const started = clock.now();
  let pause = policy.firstPauseMs;
  for (;;) {
    const value = await attempt();
    if (!isAnswered(value)) return value;
    const wait = value.retryAfterMs ?? pause * (0.5 + Math.random() / 2);
    if (!isTransient(value.error) || clock.now() + wait - started > policy.budgetMs) throw value.error;
    onRetry?.(value.error);
    await clock.sleep(wait, signal);
    pause = Math.min(pause * 2, policy.maxPauseMs);
  }
}

/** Retry-After is a number of seconds or an HTTP date. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** For callers that want to know whether to go on after one object failed. */
export function isFatal(error: unknown): boolean {
  return error instanceof Failure && error.kind === 'interrupted';
}
