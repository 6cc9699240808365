import fc from 'fast-check';
import type { Progress } from '../../lib/steps.ts';
import { describe } from './compare.ts';
import { pods } from './generate.ts';
import { judge, type Judged } from './oracle.ts';
import type { Pod } from './pod.ts';
import type { ParityReport } from './report.ts';
import { TOOL, type Worlds } from './worlds.ts';

/** A pod that differed, with its place in fast-check's runs. */
export interface Found {
  readonly run: number;
  readonly judged: Judged;
}

export interface ShrinkOptions {
  readonly seed: number;
  /** How many pods were generated from it. */
  readonly count: number;
  readonly worlds: Worlds;
  readonly report: ParityReport;
  readonly progress: Progress;
}

/** Kinds of differences whose pods are shrunk: more would take long, and be read by nobody. */
const SHRUNK = 3;

/** Replays runs of fast-check that differed, and has it look for the smallest pod that differs in the same way. */
export async function shrink(
  found: readonly Found[],
  { seed, count, worlds, report, progress }: ShrinkOptions,
): Promise<void> {
  const kinds = Map.groupBy(found, ({ judged: { difference } }) =>
    difference === undefined ? '' : describe(difference),
  );
  for (const [kind, [first]] of [...kinds].slice(0, SHRUNK)) {
    if (first === undefined) continue;
    progress.update(`looking for the smallest pod: ${kind}`);
    const same = async (pod: Pod): Promise<boolean> => {
      const { difference, explainedBy } = await judge(pod, worlds);
      return difference === undefined || explainedBy.length > 0 || describe(difference) !== kind;
    };
    const { counterexample } = await fc.check(fc.asyncProperty(pods(TOOL.uid), same), {
      seed,
      numRuns: count,
      path: String(first.run),
    });
    report.smallest.set(kind, counterexample?.[0] ?? first.judged.pod);
  }
}
