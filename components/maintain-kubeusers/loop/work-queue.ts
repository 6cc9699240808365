import { keyOf, type AccountId } from '../accounts/account.ts';
import type { Action, ActionKind } from '../difference/difference.ts';

/** What is first when there is much to do: taking access away, then giving it, then everything that can wait. */
const URGENCY: Readonly<Record<ActionKind, number>> = {
  disable: 0,
  delete: 1,
  enable: 2,
  create: 3,
  renew: 4,
  repair: 5,
  upgrade: 6,
};
/** Actions up to this urgency may start when all ordinary places are taken: none of them waits for slow signers. */
const PRIVILEGED = URGENCY.delete;
const PRIVILEGED_PLACES = 8;

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 5 * 60_000;

/** An account whose action failed, and when it is tried again. */
export interface Failing {
  readonly id: AccountId;
  readonly action: ActionKind;
  readonly attempts: number;
  /** Monotonic milliseconds. */
  readonly nextTry: number;
  readonly error: unknown;
}

export interface WorkQueueOptions {
  /** Accounts under way at once. */
  readonly places: number;
  readonly perform: (action: Action) => Promise<void>;
  /** Monotonic milliseconds: a jump of the clock changes no pause. */
  readonly monotonic: () => number;
  readonly onFailure: (action: Action, error: unknown, failing: Failing) => void;
  /** The difference has to be looked at again: an action failed, or more was to be done for an account at work. */
  readonly onLookAgain: () => void;
}

/**
 * Performs actions, so many at once, and one an account. Every account fails for itself: after a pause that doubles it is
 * tried again, while the others go on.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #underWay = new Map<string, ActionKind>();
  readonly #failing = new Map<string, Failing>();
  /** Accounts for which there was more to do while they were under way. */
  readonly #more = new Set<string>();
  #waiting: Action[] = [];
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** The whole of what is to be done now: what waited from an earlier offer and is not in this one is dropped. */
  offer(actions: readonly Action[]): void {
    const due = actions.filter((action) => {
      if (!this.isBusy(action.id)) return !this.#pauses(action);
      // What it needs is known when it is done.
      this.#more.add(keyOf(action.id));
      return false;
    });
    this.#waiting = due.sort((left, right) => URGENCY[right.kind] - URGENCY[left.kind]); // the most urgent last
    const offered = new Set(actions.map(({ id }) => keyOf(id)));
    for (const key of this.#failing.keys()) if (!offered.has(key)) this.#failing.delete(key);
    this.#start();
  }

  #pauses({ id, kind }: Action): boolean {
    const failing = this.#failing.get(keyOf(id));
    // Something else is to be done with it than what failed: that does not wait.
    return failing?.action === kind && failing.nextTry > this.#options.monotonic();
  }

  #start(): void {
    for (;;) {
      const next = this.#waiting.at(-1);
      if (next === undefined || this.#stopped) break;
      const places = this.#options.places + (URGENCY[next.kind] <= PRIVILEGED ? PRIVILEGED_PLACES : 0);
      if (this.#underWay.size >= places) break; // the others are less urgent still
      this.#waiting.pop();
      void this.#perform(next);
    }
    if (this.#underWay.size === 0 && (this.#waiting.length === 0 || this.#stopped)) {
      for (const wake of this.#idle.splice(0)) wake();
    }
  }

  async #perform(action: Action): Promise<void> {
    const key = keyOf(action.id);
    this.#underWay.set(key, action.kind);
    try {
      await this.#options.perform(action);
      this.#failing.delete(key);
    } catch (error) {
      this.#failed(action, error);
    } finally {
      this.#underWay.delete(key);
      if (this.#more.delete(key) || this.#failing.has(key)) this.#options.onLookAgain();
      this.#start();
    }
  }

  #failed(action: Action, error: unknown): void {
    const key = keyOf(action.id);
    const attempts = (this.#failing.get(key)?.attempts ?? 0) + 1;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(attempts - 1, 20), MAX_PAUSE_MS);
    const nextTry = this.#options.monotonic() + pause * (0.75 + Math.random() / 2);
    const failing: Failing = { id: action.id, action: action.kind, attempts, nextTry, error };
    this.#failing.set(key, failing);
    this.#options.onFailure(action, error, failing);
  }

  /** Accounts whose last action failed. */
  failing(): readonly Failing[] {
    return [...this.#failing.values()];
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  /** Whether an action of this account is being performed. */
  isBusy(id: AccountId): boolean {
    return this.#underWay.has(keyOf(id));
  }

  /** Fulfilled when nothing is under way and nothing waits; failing accounts may remain. */
  async idle(): Promise<void> {
    if (this.#underWay.size === 0 && (this.#waiting.length === 0 || this.#stopped)) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
    });
  }

  /** Starts nothing more. What is under way goes on to its end: await `idle`. */
  stop(): void {
    this.#stopped = true;
  }
}
