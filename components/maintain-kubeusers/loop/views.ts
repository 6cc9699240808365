import { errorLine } from '../log.ts';

/** A view that is interrupted for this long is no view: a restarting API server is back by then. */
const ILL_AFTER_MS = 30_000;

/** Which of the views of the cluster are interrupted, and since when. */
export class Views {
  readonly #monotonic: () => number;
  readonly #interrupted = new Map<string, { readonly since: number; readonly error: unknown }>();

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  interrupted(view: string, error: unknown): void {
    const since = this.#interrupted.get(view)?.since ?? this.#monotonic();
    this.#interrupted.set(view, { since, error });
  }

  whole(view: string): void {
    this.#interrupted.delete(view);
  }

  /** Why what is known of the cluster is out of date, or undefined when it is not. */
  illness(): string | undefined {
    for (const { since, error } of this.#interrupted.values()) {
      const silent = this.#monotonic() - since;
      if (silent >= ILL_AFTER_MS)
        return `no view of the cluster for ${Math.round(silent / 1000)} s: ${errorLine(error)}`;
    }
    return undefined;
  }
}
