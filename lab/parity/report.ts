import type { PolicyProfile } from '../../cluster/spec.ts';
import { describe } from './compare.ts';
import type { Judged } from './oracle.ts';
import type { Pod } from './pod.ts';

/** How often something was seen, and the first pod it was seen in. */
interface Count {
  count: number;
  readonly example: Pod;
  /** Where the first one came from, for fixtures. */
  readonly name?: string;
}

/** What a run of the oracle found. */
export class ParityReport {
  readonly policy: PolicyProfile;
  readonly seed: number;
  seconds = 0;
  admitted = 0;
  refused = 0;
  /** Differences that a row of the documentation explains, by its id. */
  readonly explained = new Map<string, Count>();
  /** Those that nothing explains: `only PSP refuses: spec.containers[*].…`. */
  readonly differences = new Map<string, Count>();
  /** Why PodSecurityPolicy refused: that each rule had its say. */
  readonly reasons = new Map<string, number>();
  /** The smallest pods that differ, by difference. */
  readonly smallest = new Map<string, Pod>();

  constructor(policy: PolicyProfile, seed: number) {
    this.policy = policy;
    this.seed = seed;
  }

  get pods(): number {
    return this.admitted + this.refused;
  }

  get unexplained(): number {
    return [...this.differences.values()].reduce((sum, { count }) => sum + count, 0);
  }

  /** @param pspReason why PodSecurityPolicy refused it */
  add(judged: Judged, pspReason: string, name?: string): void {
    const { pod, psp, difference, explainedBy } = judged;
    if (psp.admitted) this.admitted += 1;
    else {
      this.refused += 1;
      this.reasons.set(pspReason, (this.reasons.get(pspReason) ?? 0) + 1);
    }
    if (difference === undefined) return;
    for (const id of explainedBy) note(this.explained, id, pod, name);
    if (explainedBy.length === 0) note(this.differences, describe(difference), pod, name);
  }

  headline(): string {
    const explained = [...this.explained.values()].reduce((sum, { count }) => sum + count, 0);
    return `${this.pods} pods: PodSecurityPolicy admits ${this.admitted} and refuses ${this.refused}; ${this.unexplained} differ, ${explained} more for a known reason`;
  }
}

function note(counts: Map<string, Count>, key: string, example: Pod, name: string | undefined): void {
  const found = counts.get(key);
  if (found === undefined) counts.set(key, { count: 1, example, ...(name === undefined ? {} : { name }) });
  else found.count += 1;
}
