import { difference, normalised, type Difference, type Verdict } from './compare.ts';
import { EXPLAINED, type Explained } from './explained.ts';
import type { Pod } from './pod.ts';
import type { Worlds } from './worlds.ts';

/** What became of one pod in both worlds. */
export interface Judged {
  readonly pod: Pod;
  readonly psp: Verdict;
  readonly kyverno: Verdict;
  readonly difference?: Difference;
  /** Rows that explain the difference; empty: nothing does. */
  readonly explainedBy: readonly string[];
}

/**
 * Sends the pod to both worlds and compares. A difference counts as explained when taking away what the rows are about
 * takes the difference away too, and not before: a row never hides another difference.
 */
export async function judge(
  pod: Pod,
  worlds: Pick<Worlds, 'psp' | 'kyverno'>,
  rows: readonly Explained[] = EXPLAINED,
  view: (pod: Pod) => unknown = normalised,
): Promise<Judged> {
  const [psp, kyverno] = await Promise.all([worlds.psp(pod), worlds.kyverno(pod)]);
  const found = difference(psp, kyverno, view);
  if (found === undefined) return { pod, psp, kyverno, explainedBy: [] };
  const applying = rows.filter((row) => row.applies(pod));
  const judged = { pod, psp, kyverno, difference: found };
  if (applying.length === 0) return { ...judged, explainedBy: [] };
  const without = applying.reduce((changed, row) => row.without(changed), pod);
  const [left, right] = await Promise.all([worlds.psp(without), worlds.kyverno(without)]);
  const explained = difference(left, right, view) === undefined;
  return { ...judged, explainedBy: explained ? applying.map(({ id }) => id) : [] };
}
