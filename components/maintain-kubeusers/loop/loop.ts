import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import type { AccountDirectory } from '../accounts/directory.ts';
import type { DirectoryAnswer } from '../accounts/read-entries.ts';
import { errorFields, errorLine, type Log } from '../log.ts';
import { readPermit } from '../mass-delete.ts';
import type { Metrics } from '../metrics.ts';
import type { Homes } from '../homes/homes.ts';
import type { MaintainKubeusersStatus } from '../status-report.ts';
import { Comparison } from './comparison.ts';
import { confirmed } from './confirmed.ts';
import type { RollOut } from '../settings.ts';
import { observe } from './observe.ts';
import type { Reconciler } from './reconciler.ts';
import { SkippedLog } from './skipped-log.ts';
import { Views } from './views.ts';
import { Wake } from './wake.ts';

export interface LoopOptions {
  readonly reconciler: Reconciler;
  readonly client: Pick<KubeClient, 'pages' | 'watch'>;
  readonly directory: AccountDirectory;
  readonly homes: Pick<Homes, 'operations'>;
  readonly clock: Clock;
  /** Milliseconds of a clock that does not jump. */
  readonly monotonic: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Milliseconds between full passes, and between two looks at whether the directory changed. */
  readonly interval: number;
  readonly changeInterval: number;
  /** Requests sent to the API so far. */
  readonly apiRequests: () => number;
  /** The roll-out of now, as its file says; the same object while that does not change. */
  readonly rollOut: () => Promise<RollOut | undefined>;
}

/** Evaluations come at most this often, however many events there are … */
const EVALUATE_EVERY_MS = 200;
/** … and take at most this part of the time. */
const EVALUATE_SHARE = 0.05;
/** Without a full pass for this many intervals something hangs. */
const ILL_AFTER = 3;

type PassKind = 'full' | 'changes';

/**
 * The loop of the instance that leads. One half watches the directory: a cheap question twice a second, everything when
 * the answer changed, and everything at an interval. The other half compares and acts, whenever either side changed, an
 * action ended, or a failed one is due again.
 */
export class Loop {
  readonly #options: LoopOptions;
  readonly #wake = new Wake();
  readonly #comparison: Comparison;
  readonly #views: Views;
  readonly #skipped: SkippedLog;
  #answer: { readonly value: DirectoryAnswer; readonly at: number } | undefined;
  #lastPass: MaintainKubeusersStatus['lastPass'];
  #directoryError: string | undefined;
  #rollOutError: string | undefined;
  #fullPassAt: number;
  #fullPass: Promise<void> | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#comparison = new Comparison(options);
    this.#views = new Views(options.monotonic);
    this.#skipped = new SkippedLog(options.log);
    this.#fullPassAt = options.monotonic();
    options.reconciler.onLookAgain = () => {
      this.#wake.up();
    };
  }

  /** Leads until the signal aborts, then ends what is under way. */
  async run(signal: AbortSignal): Promise<void> {
    const { reconciler, client, clock, log, metrics } = this.#options;
    metrics.leader.set(1);
    this.#fullPassAt = this.#options.monotonic();
    await observe({
      client,
      clock,
      signal,
      observed: reconciler.observed,
      onChange: () => {
        this.#wake.up();
      },
      onError: (view, error) => {
        this.#views.interrupted(view, error);
        metrics.errors.inc({ source: 'watch' });
        log.warn({ view, ...errorFields(error) }, 'the view of the cluster was interrupted');
      },
      onWhole: (view) => {
        this.#views.whole(view);
      },
      onOwnObject: (object, gone) => {
        const permit = readPermit(object);
        if (permit !== undefined) reconciler.permit = gone ? undefined : permit;
      },
    }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    await Promise.all([this.#watchDirectory(signal), this.#act(signal)]);
    metrics.leader.set(0);
    reconciler.queue.stop();
    await reconciler.queue.idle();
  }

  async #watchDirectory(signal: AbortSignal): Promise<void> {
    const { directory, clock, monotonic, interval, changeInterval } = this.#options;
    let marker: string | undefined;
    let next = Number.NEGATIVE_INFINITY;
    while (!isAborted(signal)) {
      try {
        await this.#followRollOut();
        // Read the marker first: a change while the answer comes in is then seen as one the next time.
        const seen = await directory.changeMarker();
        const full = monotonic() >= next;
        if (full || seen !== marker) {
          await this.#pass(full ? 'full' : 'changes', signal);
          marker = seen;
          if (full) next = monotonic() + interval;
        }
        this.#directoryWorks();
      } catch (error) {
        if (isAborted(signal)) return;
        this.#directoryFails(error);
      }
      await clock.sleep(changeInterval, signal).catch(() => undefined);
    }
  }

  /** Takes up what the file of the roll-out says now. One that cannot be read changes nothing, and is said once. */
  async #followRollOut(): Promise<void> {
    const { reconciler, rollOut, log } = this.#options;
    try {
      const wanted = await rollOut();
      this.#rollOutError = undefined;
      if (wanted === reconciler.rollOut) return;
      reconciler.rollOut = wanted;
      log.info({ percent: wanted?.percent, tools: wanted?.tools.length }, 'roll-out');
      this.#wake.up();
    } catch (error) {
      const line = errorLine(error);
      if (this.#rollOutError !== line) log.error(errorFields(error), 'the roll-out cannot be followed');
      this.#rollOutError = line;
    }
  }

  /** Asks the directory for everything, and compares. */
  async #pass(kind: PassKind, signal: AbortSignal): Promise<void> {
    const { directory, reconciler, clock, monotonic, homes, metrics, log, apiRequests } = this.#options;
    const started = monotonic();
    const before = { api: apiRequests(), files: homes.operations, directory: directory.requests };
    const idle = reconciler.queue.underWay === 0;
    const value = await confirmed(await directory.read(), directory, reconciler.observed.accounts());
    this.#answer = { value, at: clock.now() };
    this.#skipped.note(value.skipped);
    metrics.directoryAnswer.set(clock.now() / 1000);
    // Taken before actions start: their cost is theirs.
    const cost = {
      directoryRequests: directory.requests - before.directory,
      apiRequests: idle ? apiRequests() - before.api : 0,
      fileOperations: idle ? homes.operations - before.files : 0,
    };
    const actions = this.#comparison.act(value);
    const seconds = (monotonic() - started) / 1000;
    metrics.passSeconds.observe({ kind }, seconds);
    this.#lastPass = {
      kind,
      at: new Date(clock.now()).toISOString(),
      seconds,
      ...cost,
      actions: actions.length,
    };
    log.debug(this.#lastPass, 'pass');
    if (kind === 'full') this.#finish(started, signal);
  }

  /** A full pass ends when everything that it found is done or has failed. */
  #finish(started: number, signal: AbortSignal): void {
    const { reconciler, clock, monotonic, metrics } = this.#options;
    this.#fullPassAt = monotonic();
    this.#fullPass ??= reconciler.queue.idle().then(() => {
      this.#fullPass = undefined;
      if (signal.aborted) return;
      metrics.runSeconds.observe((monotonic() - started) / 1000);
      metrics.runFinished.set(clock.now() / 1000);
    });
  }

  async #act(signal: AbortSignal): Promise<void> {
    const { reconciler, clock, monotonic } = this.#options;
    while (!isAborted(signal)) {
      const retries = reconciler.queue.failing().map(({ nextTry }) => nextTry);
      const pause = Math.max(0, Math.min(this.#options.interval, Math.min(...retries) - monotonic()));
      await this.#wake.wait(pause, signal);
      if (isAborted(signal)) return;
      const before = monotonic();
      if (this.#answer !== undefined) this.#comparison.act(this.#answer.value);
      const rest = Math.max(EVALUATE_EVERY_MS, (monotonic() - before) / EVALUATE_SHARE);
      await clock.sleep(rest, signal).catch(() => undefined);
    }
  }

  #directoryWorks(): void {
    if (this.#directoryError !== undefined) this.#options.log.info('LDAP answers again');
    this.#directoryError = undefined;
  }

  #directoryFails(error: unknown): void {
    const { log, metrics } = this.#options;
    metrics.errors.inc({ source: 'ldap' });
    if (this.#directoryError === undefined) log.error(errorFields(error), 'LDAP does not answer');
    this.#directoryError = errorLine(error);
  }

  /** Why the loop is not well, or undefined when it is. */
  illness(): string | undefined {
    const { monotonic, interval } = this.#options;
    const silent = monotonic() - this.#fullPassAt;
    return silent > ILL_AFTER * interval + 30_000
      ? `no full pass for ${Math.round(silent / 1000)} s${this.#directoryError === undefined ? '' : `: ${this.#directoryError}`}`
      : this.#views.illness();
  }

  /** Brings the gauges up to date; for when they are read. */
  collect(): void {
    const { reconciler, metrics, homes } = this.#options;
    metrics.waiting.set(reconciler.queue.waiting);
    metrics.fileOperations.set(homes.operations);
    if (this.#answer !== undefined) this.#comparison.measure(this.#answer.value);
  }

  status(): Omit<MaintainKubeusersStatus, 'leader' | 'standby'> {
    const { reconciler, clock } = this.#options;
    const { queue, rollOut } = reconciler;
    const { objection } = this.#comparison;
    return {
      ...this.#comparison.summary(this.#answer?.value),
      work: { waiting: queue.waiting, underWay: queue.underWay },
      ...(this.#lastPass === undefined ? {} : { lastPass: this.#lastPass }),
      ...(this.#answer === undefined ? {} : { ldapAgeSeconds: (clock.now() - this.#answer.at) / 1000 }),
      ...(rollOut === undefined
        ? {}
        : { rollOut: { percent: rollOut.percent, tools: rollOut.tools.length } }),
      ...(this.#directoryError === undefined ? {} : { ldapError: this.#directoryError }),
      ...(objection === undefined ? {} : { massDeleteBlocked: objection }),
      memory: process.memoryUsage.rss(),
    };
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
