import prettyMilliseconds from 'pretty-ms';
import type { Context } from './context.ts';
import { interrupted, messageOf } from './errors.ts';
import type { Output } from './output.ts';

/** What a running step can say about itself. */
export interface Progress {
  /** What it does right now; shown in place on a terminal, at most every ten seconds elsewhere. */
  update(text: string): void;
}

/**
 * One step of a plan, as a value. Steps are idempotent: look, compare, act. A step may say in one phrase what it did
 * or found (`built in 3m 2s`, `cached`), which is shown beside its title.
 */
export interface Step<State> {
  /** Stable, for `--json`: `haproxy.start`. */
  readonly id: string;
  readonly title: string;
  run(state: State, progress: Progress): Promise<string | undefined>;
}

/** Steps that do not wait for each other. */
export interface ConcurrentSteps<State> {
  readonly concurrent: readonly Plan<State>[];
}

/** Steps in their order; a nested list is a sequence within a concurrent group. */
export type Plan<State> = readonly (Step<State> | ConcurrentSteps<State>)[];

/** How often a step that goes on is mentioned where nothing can be redrawn. */
const PLAIN_INTERVAL_MS = 10_000;

/** Runs a plan and shows it: listr2 on a terminal, a line a step elsewhere, events with `--json`. */
export async function runPlan<State>(plan: Plan<State>, state: State, context: Context): Promise<void> {
  if (context.output.interactive) {
    const { runWithListr } = await import('./steps-listr.ts');
    await runWithListr(plan, state, context);
    return;
  }
  await runPlain(plan, state, context);
}

/** Runs one piece of work and shows it as a plan of one step. */
export async function runStep<T>(
  id: string,
  title: string,
  work: (progress: Progress) => Promise<T>,
  context: Context,
): Promise<T> {
  const done: T[] = [];
  const step: Step<undefined> = {
    id,
    title,
    async run(_, progress) {
      done.push(await work(progress));
      return undefined;
    },
  };
  await runPlan([step], undefined, context);
  return done[0] as T;
}

/** Runs a plan as part of a step: what it is at is that step's progress, and nothing is shown besides. */
export async function runWithin<State>(
  progress: Progress,
  plan: Plan<State>,
  state: State,
  context: Context,
): Promise<void> {
  const output: Output = {
    ...context.output,
    interactive: false,
    note: () => undefined,
    event(name, { title, text }) {
      if (name === 'step.start') progress.update(String(title));
      if (name === 'step.progress') progress.update(String(text));
    },
  };
  await runPlain(plan, state, { ...context, output });
}

async function runPlain<State>(plan: Plan<State>, state: State, context: Context): Promise<void> {
  for (const entry of plan) {
    if (!('concurrent' in entry)) {
      await runOne(entry, state, context);
      continue;
    }
    await allOrFirstFailure(entry.concurrent.map((sequence) => runPlain(sequence, state, context)));
  }
}

/** Waits for all, even when one fails, so that nothing goes on behind the error message. */
export async function allOrFirstFailure(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function runOne<State>(step: Step<State>, state: State, context: Context): Promise<void> {
  if (context.signal.aborted) throw interrupted();
  const { output, clock } = context;
  const { id, title } = step;
  const started = clock.now();
  output.event('step.start', { id, title });
  let said = '';
  const pulse = setInterval(() => {
    const elapsed = prettyMilliseconds(clock.now() - started, { secondsDecimalDigits: 0 });
    output.note(`  … ${title}${said === '' ? '' : `: ${said}`} (${elapsed})`);
  }, PLAIN_INTERVAL_MS);
  try {
    const result = await step.run(state, {
      update(text) {
        said = text;
        output.event('step.progress', { id, text });
      },
    });
    const ms = clock.now() - started;
    output.event('step.done', { id, ms, ...(result === undefined ? {} : { result }) });
    output.note(`  ✓ ${title}${result === undefined ? '' : `: ${result}`} (${prettyMilliseconds(ms)})`);
  } catch (error) {
    const ms = clock.now() - started;
    output.event('step.failed', { id, ms, error: messageOf(error) });
    output.note(`  ✗ ${title} (${prettyMilliseconds(ms)})`);
    throw error;
  } finally {
    clearInterval(pulse);
  }
}
