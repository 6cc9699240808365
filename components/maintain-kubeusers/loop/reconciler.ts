import { keyOf } from '../accounts/account.ts';
import type { DirectoryAnswer } from '../accounts/read-entries.ts';
import { desiredOf } from '../difference/desired-of.ts';
import { DesiredState, type Desired } from '../difference/desired.ts';
import { computeDifference, type Action, type Difference, type Settled } from '../difference/difference.ts';
import { ObservedState, type Observed } from '../difference/observed.ts';
import { RemovalGuard, takesAway, type RemovalLimits } from '../difference/removal-guard.ts';
import { errorFields, type Log } from '../log.ts';
import type { MassDeletePermit } from '../mass-delete.ts';
import type { Metrics } from '../metrics.ts';
import type { Tools } from '../resources/kind.ts';
import type { RollOut } from '../settings.ts';
import { performAction } from './perform.ts';
import { WorkQueue } from './work-queue.ts';

export interface ReconcilerOptions {
  readonly tools: Tools;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that does not jump. */
  readonly monotonic: () => number;
  readonly renewBefore: number;
  readonly removalLimits: RemovalLimits;
  /** `--allow-mass-delete`: the guard is off. */
  readonly allowMassDelete: boolean;
  /** Accounts worked on at once. */
  readonly places: number;
}

/** What one look at both sides found. */
export interface Evaluation extends Difference {
  readonly desired: Desired;
  readonly observed: Observed;
  /** Why removals are held back. */
  readonly objection?: string;
}

/** A kubeconfig that is not YAML stays so until a person repairs it: once an hour is often enough to look. */
const RETRY_PROBLEMS_MS = 60 * 60_000;

/** Desired and observed side by side: computes the difference, and has the queue act on it. */
export class Reconciler {
  readonly observed = new ObservedState();
  readonly queue: WorkQueue;
  /** Told when `evaluate` may find something else, after an action. */
  onLookAgain: () => void = () => undefined;
  readonly #options: ReconcilerOptions;
  #tools: Tools;
  #desired: DesiredState;
  readonly #settled: Settled = new WeakMap();
  readonly #guard: RemovalGuard;
  #permit: MassDeletePermit | undefined;
  /** Removals since the permit was first seen. */
  #used = 0;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#tools = options.tools;
    this.#desired = new DesiredState(options.tools.settings);
    this.#guard = new RemovalGuard(options.removalLimits);
    const { monotonic, places } = options;
    this.queue = new WorkQueue({
      places,
      monotonic,
      onLookAgain: () => {
        this.onLookAgain();
      },
      perform: (action) => this.#perform(action),
      onFailure: (action, error, { attempts }) => {
        const { kind, id } = action;
        options.metrics.actions.inc({ action: kind, result: 'failed' });
        options.metrics.errors.inc({ source: 'account' });
        options.log.warn(
          { account: keyOf(id), action: kind, attempts, ...errorFields(error) },
          'action failed',
        );
      },
    });
  }

  get rollOut(): RollOut | undefined {
    return this.#tools.settings.rollOut;
  }

  /** From here on a part of the tools is to have another policy. */
  set rollOut(rollOut: RollOut | undefined) {
    const settings = { ...this.#tools.settings, rollOut };
    this.#tools = { ...this.#tools, settings };
    this.#desired = new DesiredState(settings);
  }

  /** Whether removals are never held back. */
  get isUnguarded(): boolean {
    return this.#options.allowMassDelete;
  }

  /** What a person allowed. One that is seen again goes on being used up; a process that starts anew counts anew. */
  set permit(permit: MassDeletePermit | undefined) {
    if (permit?.until !== this.#permit?.until) this.#used = 0;
    this.#permit = permit;
  }

  /** How many may still go by the permit. */
  get #permitted(): number {
    const { removals, until } = this.#permit ?? { removals: 0, until: 0 };
    return until > this.#options.now() ? Math.max(0, removals - this.#used) : 0;
  }

  /**
   * What has to be done for this answer of the directory; removals that are too many are left out.
   * @throws Failure when a policy template cannot be rendered
   */
  evaluate(answer: DirectoryAnswer): Evaluation {
    const { now, monotonic, renewBefore, allowMassDelete } = this.#options;
    const desired = desiredOf(this.#desired, answer);
    const observed = this.observed.accounts();
    const due = { now: now(), renewBefore, retryProblems: RETRY_PROBLEMS_MS };
    const { actions, blocked } = computeDifference(desired, observed, due, this.#settled);
    if (allowMassDelete) return { desired, observed, actions, blocked };
    const guarded = { desired, observed, now: monotonic(), permitted: this.#permitted };
    return { desired, observed, blocked, ...this.#guard.review(actions, guarded) };
  }

  async #perform(action: Action): Promise<void> {
    const tools = this.#tools;
    const { now, monotonic, log, metrics } = this.#options;
    const { kind, id, reason, found } = action;
    const labels = { account_type: id.type };
    const before = monotonic();
    const { problems, certificateIssued } = await performAction(action, {
      tools,
      observed: this.observed,
      now,
    });
    metrics.actions.inc({ action: kind, result: 'done' });
    if (kind === 'create' || kind === 'enable') metrics.created.inc(labels);
    else if (certificateIssued && found?.enabled !== undefined) metrics.renewed.inc(labels);
    if (kind === 'disable') metrics.disabled.inc(labels);
    if (kind === 'delete') metrics.removed.inc(labels);
    if (takesAway(action, new Map(found === undefined ? [] : [[keyOf(id), found]]))) {
      if (this.#permitted > 0) this.#used += 1;
      else this.#guard.count(monotonic());
    }
    const milliseconds = Math.round(monotonic() - before);
    log.info({ account: keyOf(id), action: kind, reason, milliseconds }, 'action done');
    for (const problem of problems)
      log.warn({ account: keyOf(id), ...problem }, 'somebody has to look after it');
  }
}
