import type { Clock } from './clock.ts';
import { Failure, interrupted } from './errors.ts';

export interface BulkOptions<Item> {
  /** How many items are worked on at once. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** What to call an item in an error message. */
  nameOf(item: Item): string;
  work(item: Item): Promise<void>;
  onSuccess?(): void;
  onFailure?(): void;
}

/** Items that failed, of a run that was not interrupted. */
export interface BulkOutcome {
  readonly failed: number;
  /** The first few, each with its item's name. */
  readonly failures: readonly BulkFailure[];
  /** True when the run gave up because everything failed, with items untried. */
  readonly gaveUp: boolean;
}

export interface BulkFailure {
  readonly name: string;
  readonly failure: Failure;
}

/** This many failures with no success between them, and the rest would most likely fail too. */
const GIVE_UP_AFTER = 5;
const KEPT_FAILURES = 20;

/**
 * Works through items, some at once, in their order. A `Failure` of one item does not stop the others, unless nothing
 * goes well any more; Ctrl-C and bugs stop at once. Whatever the end, nothing goes on behind it.
 * @throws the `interrupted` failure, or the first error that is not a `Failure`
 */
export async function runBulk<Item>(items: Iterable<Item>, options: BulkOptions<Item>): Promise<BulkOutcome> {
  const { concurrency, signal } = options;
  const queue = items[Symbol.iterator]();
  const failures: BulkFailure[] = [];
  let failed = 0;
  let inARow = 0;
  let bug: { readonly error: unknown } | undefined;
  const stopped = (): boolean => signal.aborted || bug !== undefined || inARow >= GIVE_UP_AFTER;

  const worker = async (): Promise<void> => {
    while (!stopped()) {
      const next = queue.next();
      if (next.done === true) return;
      try {
        await options.work(next.value);
        inARow = 0;
        options.onSuccess?.();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Failure)) {
          bug ??= { error };
          return;
        }
        failed += 1;
        inARow += 1;
        if (failures.length < KEPT_FAILURES)
          failures.push({ name: options.nameOf(next.value), failure: error });
        options.onFailure?.();
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (signal.aborted) throw interrupted();
  if (bug !== undefined) throw bug.error;
  return { failed, failures, gaveUp: inARow >= GIVE_UP_AFTER && queue.next().done !== true };
}

/** How far a run is. */
export interface BulkSnapshot {
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly seconds: number;
  /** Items a second over the last ten seconds. */
  readonly rate: number;
  /** Seconds left at that rate; absent while there is no rate. */
  readonly left?: number;
}

const WINDOW_MS = 10_000;
const SAMPLE_MS = 250;

/** Counts items and knows their rate. */
export class BulkMeter {
  readonly total: number;
  readonly #clock: Clock;
  readonly #started: number;
  readonly #samples: { readonly at: number; readonly settled: number }[];
  #done = 0;
  #failed = 0;

  constructor(total: number, clock: Clock) {
    this.total = total;
    this.#clock = clock;
    this.#started = clock.now();
    this.#samples = [{ at: this.#started, settled: 0 }];
  }

  settle(well: boolean): void {
    if (well) this.#done += 1;
    else this.#failed += 1;
    const now = this.#clock.now();
    const last = this.#samples.at(-1);
    if (last === undefined || now - last.at >= SAMPLE_MS) {
      this.#samples.push({ at: now, settled: this.#done + this.#failed });
    }
    // One sample older than the window stays: the rate is measured from there.
    while ((this.#samples[1]?.at ?? now) < now - WINDOW_MS) this.#samples.shift();
  }

  snapshot(): BulkSnapshot {
    const now = this.#clock.now();
    const settled = this.#done + this.#failed;
    const from = this.#samples[0] ?? { at: this.#started, settled: 0 };
    const rate = now > from.at ? ((settled - from.settled) * 1000) / (now - from.at) : 0;
    return {
      total: this.total,
      done: this.#done,
      failed: this.#failed,
      seconds: (now - this.#started) / 1000,
      rate,
      ...(rate > 0 ? { left: (this.total - settled) / rate } : {}),
    };
  }
}

/**
 * The failure that a run with failed items ends in: `incomplete` when others went well, else `cluster`. Messages that
 * differ only in the item's name are given once.
 */
export function bulkFailure(what: string, done: number, outcome: BulkOutcome, hint: string): Failure {
  const reasons = new Map<string, number>();
  for (const { name, failure } of outcome.failures) {
    const reason = (failure.why ?? failure.what).replaceAll(name, '…');
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const [first] = outcome.failures;
  return new Failure({
    kind: done === 0 ? 'cluster' : 'incomplete',
    what: outcome.gaveUp ? `${what}; stopped, since nothing went well any more` : what,
    why: [...reasons.keys()].slice(0, 3).join('\n') + (first === undefined ? '' : `\n(first: ${first.name})`),
    hint,
    cause: first?.failure,
  });
}
