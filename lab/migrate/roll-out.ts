import prettyMilliseconds from 'pretty-ms';
import type { Clock } from '../../lib/clock.ts';
import { Failure, interrupted } from '../../lib/errors.ts';
import { judge, Peaks, type Limits, type Sample } from './health.ts';

/** What a roll-out works with. */
export interface RollOutSeams {
  /** Gives this share of the tools, 0 to 100, the new policy. */
  setPercent(percent: number): Promise<void>;
  /** Whether every tool of the share has it; with why some do not get it. */
  settled(percent: number): Promise<{ readonly done: boolean; readonly failing: readonly string[] }>;
  sample(): Promise<Sample>;
  /** For people: `34 %`, `paused at 34 %: …`. */
  say(text: string): void;
  /** Each look, for programs. */
  event(data: Readonly<Record<string, unknown>>): void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface RollOutRequest {
  /** Tools that take part beside the share, by name. */
  readonly tools: readonly string[];
  /** The share that has it already. */
  readonly from: number;
  readonly to: number;
  readonly limits: Limits;
}

/** The first share, in percent, and the largest step: canaries first, then faster while all is well. */
const FIRST_STEP = 1;
const LARGEST_STEP = 10;
const LOOK_EVERY_MS = 500;
/** One bad look may be chance; two in a row are not. As many good ones are needed to go on. */
const BAD_LOOKS = 2;
const GOOD_LOOKS = 3;
/** A pause that lasts so long ends the roll-out, at the share that it reached. */
const LONGEST_PAUSE_MS = 90_000;

/**
 * Raises the share of tools step by step, or lowers it. Each step waits until every tool of it has the policy, and is followed by the next only
 * while the control plane is healthy: a roll-out that degrades it pauses by itself, goes on when it has recovered, and ends when
 * it does not.
 * @returns a phrase about how it went
 * @throws Failure `incomplete` when it had to stop; the share stays as it is
 */
export async function rollOut(
  { tools, from, to, limits }: RollOutRequest,
  seams: RollOutSeams,
): Promise<string> {
  const { clock, signal } = seams;
  const peaks = new Peaks();
  let pauses = 0;
  let percent = from;
  let step = FIRST_STEP;
  const watch = new Watch(limits);
  const named = tools.length === 0 ? '' : tools.join(', ');
  const what = (share: number): string => (share === 0 && named !== '' ? named : `${share} % of the tools`);
  do {
    percent = to < from ? Math.max(to, percent - step) : Math.min(to, percent + step);
    await seams.setPercent(percent);
    const pausesBefore = pauses;
    let pausedAt: number | undefined;
    for (;;) {
      if (signal.aborted) throw interrupted();
      const [sample, { done, failing }] = await Promise.all([seams.sample(), seams.settled(percent)]);
      peaks.add(sample);
      const reasons = watch.look(sample, failing);
      seams.event({ percent, done, ...sample, paused: reasons });
      if (reasons.length === 0 && pausedAt === undefined && done) break;
      if (reasons.length > 0 && pausedAt === undefined) {
        pausedAt = clock.now();
        pauses += 1;
      } else if (pausedAt !== undefined && watch.recovered) pausedAt = undefined;
      if (pausedAt === undefined) seams.say(what(percent));
      else {
        const why = watch.reasons.join('; ');
        seams.say(`paused at ${what(percent)}: ${why}`);
        if (clock.now() - pausedAt > LONGEST_PAUSE_MS) throw stopped(percent, why);
      }
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
    step = pauses > pausesBefore ? FIRST_STEP : Math.min(LARGEST_STEP, step * 2);
  } while (percent !== to);
  const paused = pauses === 0 ? '' : `, paused ${pauses === 1 ? 'once' : `${pauses} times`}`;
  return `${what(percent)}${paused}; ${peaks.toString()}`;
}

/** Tells chance from trouble, over the looks so far. */
class Watch {
  readonly #limits: Limits;
  #bad = 0;
  #good = 0;
  /** Of the last bad look. */
  reasons: readonly string[] = [];

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** The reasons to pause now. */
  look(sample: Sample, failing: readonly string[]): readonly string[] {
    const found = [...judge(sample, this.#limits), ...failing];
    this.#bad = found.length > 0 ? this.#bad + 1 : 0;
    this.#good = found.length > 0 ? 0 : this.#good + 1;
    if (found.length > 0) this.reasons = found;
    return this.#bad >= BAD_LOOKS ? found : [];
  }

  get recovered(): boolean {
    return this.#good >= GOOD_LOOKS;
  }
}

function stopped(percent: number, why: string): Failure {
  return new Failure({
    kind: 'incomplete',
    what: `The roll-out stopped at ${percent} % of the tools, after a pause of ${prettyMilliseconds(LONGEST_PAUSE_MS)}`,
    why,
    hint: '`npm run migrate -- next` goes on from there once that is mended; `back` takes it back.',
  });
}
