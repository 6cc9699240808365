import fc, { type Arbitrary } from 'fast-check';
import { cleanPod } from './clean.ts';
import type { Pod } from './pod.ts';
import { sins, withSins } from './sins.ts';

/**
 * Pods of a tool: two in five are clean, so that what is filled in is compared; the same number has one thing wrong, so that
 * each rule decides by itself; the rest has several.
 */
export function pods(uid: number): Arbitrary<Pod> {
  const several = fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 2, arbitrary: fc.array(sins(uid), { minLength: 1, maxLength: 1 }) },
    { weight: 1, arbitrary: fc.array(sins(uid), { minLength: 2, maxLength: 4 }) },
  );
  return fc.tuple(cleanPod(uid), several).map(([pod, list]) => withSins(pod, list));
}
