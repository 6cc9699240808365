import { setTimeout as delay } from 'node:timers/promises';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { readConfiguration } from './configuration.ts';
import { createLog } from './log.ts';
import { Loop } from './loop/loop.ts';
import { passOnce, printDifference, verifyAll } from './once.ts';
import { startServer } from './server.ts';
import { monotonic, openWorkshop, type Workshop, type WorkshopOptions } from './workshop.ts';

export interface RunOptions extends Pick<WorkshopOptions, 'loadPolicy' | 'allowMassDelete'> {
  /** Path of the configuration file. */
  readonly config: string;
  /** One pass, then end. */
  readonly once: boolean;
  /** Say what would be done, and do nothing. */
  readonly dryRun: boolean;
  /** Check what is recorded against what is there, files included, and have it repaired. */
  readonly verify: boolean;
}

/** What is under way may end for so long after a signal to stop; a supervisor waits a little longer. */
const DRAIN_MS = 5_000;

/** Runs maintain-kubeusers as its options say, until it is done or the context's signal aborts. */
export async function runMaintainKubeusers(options: RunOptions, context: Context): Promise<void> {
  const configuration = await readConfiguration(options.config);
  const forPeople = options.once || options.dryRun || options.verify;
  // A service's standard output is its log; a person's is for the result.
  const log = createLog(forPeople ? 'warn' : configuration.logLevel, forPeople ? 2 : 1);
  const workshop = await openWorkshop({ ...options, configuration, log, clock: context.clock });
  try {
    if (options.verify) await verifyAll(workshop, options.dryRun, context);
    else if (options.dryRun) await printDifference(workshop, context);
    else if (options.once) await passOnce(workshop, context);
    else await serve(workshop, context);
  } finally {
    await workshop.close();
  }
}

/** The service: leads while it holds the lease, and stands by while another does. */
async function serve(workshop: Workshop, context: Context): Promise<void> {
  const { configuration, client, directory, tools, metrics, log, leadership } = workshop;
  const reconciler = workshop.reconciler();
  const service = new Loop({
    ...{ reconciler, client, directory, clock: context.clock, monotonic, log, metrics },
    homes: tools.homes,
    interval: configuration.interval * 1000,
    changeInterval: configuration.changeInterval * 1000,
    apiRequests: workshop.apiRequests,
    rollOut: () => workshop.rollOut(),
  });
  let leads = false;
  const server = await startServer({
    port: configuration.port,
    token: configuration.token,
    metrics,
    illness: () => leadership.illness() ?? (leads ? service.illness() : undefined),
    status: () => ({ leader: leads, standby: leadership.standby, ...service.status() }),
    collect: () => {
      service.collect();
    },
  });
  try {
    await leadership.acquire(context.signal);
    leads = true;
    log.info('leading');
    const lead = new AbortController();
    const signal = AbortSignal.any([context.signal, lead.signal]);
    // The lease is kept until the work has ended, not only until it was asked to.
    const stopKeeping = new AbortController();
    const kept = leadership.keep(stopKeeping.signal).then(() => {
      lead.abort();
    });
    await drained(service.run(signal), signal);
    const lost = !context.signal.aborted;
    stopKeeping.abort();
    await kept;
    await leadership.release();
    if (lost) {
      log.error('the lease was lost');
      // What another instance does from here on is not ours to guess: a fresh process stands by.
      throw new Failure({
        kind: 'cluster',
        what: 'The lease was lost',
        hint: 'It starts again and stands by.',
      });
    }
  } finally {
    server.closeAllConnections();
    server.close();
    log.info('stopped');
  }
}

/** Waits for the work; once the signal aborted, only for so long. */
async function drained(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => {
      resolve();
    });
  });
  const limit = aborted.then(() => delay(DRAIN_MS, undefined, { ref: false }));
  await Promise.race([work, limit]);
}
