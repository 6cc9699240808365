import { keyOf, type AccountType } from '../accounts/account.ts';
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
  /** How many a person allowed that have not gone yet. */
  readonly permitted: number;
}

/** What may take place, and why the rest may not. */
export interface Reviewed {
  readonly actions: readonly Action[];
  readonly objection?: string;
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

  /** Leaves out removals that may not take place. When all fit what is permitted, all may, the last tool's too. */
  review(actions: readonly Action[], pass: GuardedPass): Reviewed {
    const { observed, permitted } = pass;
    const isRemoval = (action: Action): boolean => takesAway(action, observed);
    if (actions.filter(isRemoval).length <= permitted) return { actions };
    const noTools = emptied('tool', actions, pass);
    const noAdmins = emptied('admin', actions, pass);
    // Who the admins are is another question to the directory: its answer says nothing about tools.
    const rest =
      noAdmins === undefined
        ? actions
        : actions.filter((action) => action.id.type === 'tool' || !isRemoval(action));
    const tooMany = noTools ?? this.#tooMany(rest.filter(isRemoval).length, pass);
    if (tooMany !== undefined)
      return { actions: rest.filter((action) => !isRemoval(action)), objection: tooMany };
    return noAdmins === undefined ? { actions } : { actions: rest, objection: noAdmins };
  }

  #tooMany(removals: number, { observed, now, permitted }: GuardedPass): string | undefined {
    while ((this.#done[0] ?? now) <= now - WINDOW) this.#done.shift();
    const known = [...observed.values()].filter(
      ({ enabled, namespace }) => (enabled ?? namespace) !== undefined,
    ).length;
    const limit =
      permitted +
      Math.max(this.#limits.minimum, Math.floor((known + this.#done.length) * this.#limits.fraction));
    if (removals + this.#done.length <= limit) return undefined;
    const before = this.#done.length === 0 ? '' : ` after ${this.#done.length} within the minute`;
    return `${removals} accounts would lose their namespace${before}; at most ${limit} of ${known} may`;
  }

  /** To be told of each removal that took place without a permit. */
  count(now: number): void {
    this.#done.push(now);
  }
}

/** Why no account of a type may be deleted: the answer holds none, and some exist. */
function emptied(
  type: AccountType,
  actions: readonly Action[],
  { desired }: GuardedPass,
): string | undefined {
  const gone = actions.filter(({ kind, id }) => kind === 'delete' && id.type === type).length;
  const left = [...desired.accounts.values()].some(({ account }) => account.type === type);
  return gone > 0 && !left ? `the directory's answer holds no ${type}s at all, and ${gone} exist` : undefined;
}

/** Whether anything of an account ends with the action: one that was locked before it was ever seen loses nothing. */
export function takesAway({ kind, id }: Action, observed: Observed): boolean {
  if (kind === 'delete') return true;
  const found = observed.get(keyOf(id));
  return kind === 'disable' && (found?.enabled !== undefined || found?.namespace === 'active');
}
