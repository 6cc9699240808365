import { Failure } from '../../../lib/errors.ts';
import type { DirectoryAnswer } from '../accounts/read-entries.ts';
import type { Action } from '../difference/difference.ts';
import { errorFields } from '../log.ts';
import type { LoopOptions } from './loop.ts';
import type { Evaluation } from './reconciler.ts';
import { measure, NO_ACCOUNTS, summarize, summarizeUnknown, type AccountSummary } from './summary.ts';

/**
 * What the loop makes of an answer of the directory: what is to be done, and what is said about it. While a policy template
 * is at fault nobody can tell what accounts are to have: nothing is done for any, and the loop goes on.
 */
export class Comparison {
  readonly #options: Pick<LoopOptions, 'reconciler' | 'clock' | 'monotonic' | 'log' | 'metrics'>;
  #objection: string | undefined;
  #policyError: string | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** Why removals are held back. */
  get objection(): string | undefined {
    return this.#objection;
  }

  /** Compares, and hands over what is to be done. */
  act(answer: DirectoryAnswer): readonly Action[] {
    const { reconciler, log, metrics } = this.#options;
    const evaluation = this.#look(answer);
    if (evaluation instanceof Failure) {
      metrics.errors.inc({ source: 'policy' });
      if (this.#policyError !== evaluation.message)
        log.error(errorFields(evaluation), 'nothing is done for any account');
      this.#policyError = evaluation.message;
      reconciler.queue.offer([]);
      return [];
    }
    if (this.#policyError !== undefined) log.info('the policies can be rendered again');
    this.#policyError = undefined;
    if (evaluation.objection !== undefined && this.#objection === undefined) {
      log.error({ why: evaluation.objection }, 'removals are held back');
    }
    this.#objection = evaluation.objection;
    reconciler.queue.offer(evaluation.actions);
    return evaluation.actions;
  }

  summary(answer: DirectoryAnswer | undefined): AccountSummary {
    const { reconciler, clock, monotonic } = this.#options;
    if (answer === undefined) return NO_ACCOUNTS;
    const evaluation = this.#look(answer);
    if (evaluation instanceof Failure) return summarizeUnknown(answer, evaluation);
    return summarize(evaluation, reconciler.queue.failing(), ({ nextTry }) =>
      new Date(clock.now() + nextTry - monotonic()).toISOString(),
    );
  }

  /** Brings the gauges up to date. */
  measure(answer: DirectoryAnswer): void {
    const { reconciler, metrics } = this.#options;
    const evaluation = this.#look(answer);
    if (!(evaluation instanceof Failure)) measure(evaluation, reconciler.queue.failing(), metrics);
  }

  /** Both sides compared, or why they cannot be. */
  #look(answer: DirectoryAnswer): Evaluation | Failure {
    try {
      return this.#options.reconciler.evaluate(answer);
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }
}
