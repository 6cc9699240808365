/** One thing that was measured, beside what people would do instead, in the same run on the same machine. */
export interface Measurement {
  /** Stable, for `--json`: `seed-policies`. */
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly unit: Unit;
  /** How it came about: `4,000 accounts`. */
  readonly note?: string;
  readonly against?: Baseline;
}

export type Unit = 'seconds' | 'a second' | 'bytes' | 'requests';

export interface Baseline {
  readonly what: string;
  readonly value: number;
  /** How it came about, where that matters: `20 accounts, extrapolated`. */
  readonly note?: string;
  /** Our value divided by this one, turned so that more is better for us: `12` is twelve times as fast. */
  readonly ratio: number;
}

/** What was not measured, and why. */
export interface Skipped {
  readonly id: string;
  readonly what: string;
  readonly skipped: string;
}

export type Result = Measurement | Skipped;

/** The baseline of a time: shorter is better. */
export function timeAgainst(ours: number, what: string, value: number, note?: string): Baseline {
  return { what, value, ratio: value / ours, ...(note === undefined ? {} : { note }) };
}

/** The baseline of a rate: higher is better. */
export function rateAgainst(ours: number, what: string, value: number, note?: string): Baseline {
  return { what, value, ratio: ours / value, ...(note === undefined ? {} : { note }) };
}

/** A rate as the steps of a benchmark show it. */
export function perSecond(rate: number): string {
  return `${rate.toFixed(0)} a second`;
}
