/** Lets one waiter sleep until somebody wakes it. A call while nobody waits is not lost: the next wait ends at once. */
export class Wake {
  #called = false;
  #resolve: (() => void) | undefined;

  up(): void {
    this.#called = true;
    this.#resolve?.();
  }

  /** Until somebody calls, the time is over, or the signal aborts. */
  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#called && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', end);
          resolve();
        };
        const timer = setTimeout(end, Math.min(milliseconds, 2 ** 31 - 1));
        signal.addEventListener('abort', end);
        this.#resolve = end;
      });
    }
    this.#called = false;
    this.#resolve = undefined;
  }
}
