import type { SkippedEntry } from '../accounts/account.ts';
import type { Log } from '../log.ts';

/** Says once of each entry that it is skipped, and once that it is not any more. */
export class SkippedLog {
  readonly #log: Log;
  /** Reasons, by entry. */
  #said: ReadonlyMap<string, string> = new Map();

  constructor(log: Log) {
    this.#log = log;
  }

  note(skipped: readonly SkippedEntry[]): void {
    const now = new Map(skipped.map(({ entry, reason }) => [entry, reason]));
    for (const [entry, reason] of now) {
      if (this.#said.get(entry) !== reason) this.#log.warn({ entry, reason }, 'entry skipped');
    }
    for (const entry of this.#said.keys()) {
      if (!now.has(entry)) this.#log.info({ entry }, 'entry not skipped any more');
    }
    this.#said = now;
  }
}
