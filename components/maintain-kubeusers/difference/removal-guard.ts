import { keyOf } from '../accounts/account.ts';
import type { Desired } from './desired.ts';
import type { Action } from './difference.ts';
import type { Observed } from './observed.ts';

export interface RemovalLimits {
  /** Of the accounts that are known: 0.05. */
  readonly fraction: number;
  /** However few there are, this many may go. */
  readonly minimum: number;
}

export interface GuardedPass {
  readonly desired: Desired;
  readonly observed: Observed;
  /** Monotonic milliseconds. */
  readonly now: number;
  /** What a person allowed. */
  readonly permitted: number;
}

/** How long a removal counts: a directory that loses its entries bit by bit is caught too. Milliseconds. */
const WINDOW = 60_000;

/**
 * Holds back deletions and disablings when there are so many that the directory's answer is more likely wrong than
 * right: both take a tool's namespace away, and everything that runs in it. Held back are then all of them, since
 * nothing tells the right ones from the others.
 */
export class RemovalGuard {
  readonly #limits: RemovalLimits;
  readonly #done: number[] = [];

  constructor(limits: RemovalLimits) {
    this.#limits = limits;
  }

  /** Why these actions may not take place, or undefined when they may. `permitted` many may go in any case. */
  objection(
    actions: readonly Action[],
    { desired, observed, now, permitted }: GuardedPass,
  ): string | undefined {
    const removing = actions.filter((action) => takesAway(action, observed));
    if (removing.length <= permitted) return undefined;
    for (const type of ['tool', 'admin'] as const) {
      const gone = removing.filter(({ kind, id }) => kind === 'delete' && id.type === type).length;
      const left = [...desired.accounts.values()].filter(({ account }) => account.type === type).length;
      if (gone > 0 && left === 0) return `the directory's answer holds no ${type}s at all, and ${gone} exist`;
    }
    while ((this.#done[0] ?? now) <= now - WINDOW) this.#done.shift();
    const known = [...observed.values()].filter(
      ({ enabled, namespace }) => (enabled ?? namespace) !== undefined,
    ).length;
    const limit = Math.max(
      this.#limits.minimum,
      Math.floor((known + this.#done.length) * this.#limits.fraction),
    );
    const total = removing.length + this.#done.length;
    if (total <= limit) return undefined;
    const before = this.#done.length === 0 ? '' : ` after ${this.#done.length} within the minute`;
    return `${removing.length} accounts would lose their namespace${before}; at most ${limit} of ${known} may`;
  }

  /** To be told of each removal that took place. */
  count(now: number): void {
    this.#done.push(now);
  }
}

/** Whether anything of an account ends with the action: one that was locked before it was ever seen loses nothing. */
export function takesAway({ kind, id }: Action, observed: Observed): boolean {
  if (kind === 'delete') return true;
  const found = observed.get(keyOf(id));
  return kind === 'disable' && (found?.enabled !== undefined || found?.namespace === 'active');
}
