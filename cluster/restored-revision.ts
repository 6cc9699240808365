import type { Clock } from '../lib/clock.ts';

/**
 * The revision that restored data begin with: microseconds since 1970. Watchers that remember revisions of the data before
 * must not take restored ones for known, nor wait for them: every restore has to begin beyond all that was written before
 * it, that of the last restore included.
 */
export function restoredRevision(clock: Clock): number {
  return clock.now() * 1000;
}
