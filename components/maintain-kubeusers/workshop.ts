import { readFile } from 'node:fs/promises';
import type { Clock } from '../../lib/clock.ts';
import { KubeClient } from '../../lib/kube/client.ts';
import { readCredentials } from '../../lib/kube/credentials.ts';
import { LdapDirectory, readLdapSettings } from './accounts/directory.ts';
import { CertificateIssuer } from './certificates/issuer.ts';
import type { Configuration } from './configuration.ts';
import { HomesProcess } from './homes/process.ts';
import { errorFields, type Log } from './log.ts';
import { identityOfThisProcess, Leadership } from './loop/leadership.ts';
import { Reconciler } from './loop/reconciler.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { Tools } from './resources/kind.ts';
import { RollOutReader } from './roll-out.ts';
import type { PolicyRenderer, PolicySettings, RollOut, Settings } from './settings.ts';

/** Everything that a run works with, put together. */
export interface Workshop {
  readonly configuration: Configuration;
  readonly client: KubeClient;
  readonly directory: LdapDirectory;
  readonly tools: Tools;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly leadership: Leadership;
  readonly apiRequests: () => number;
  /** The roll-out of now. */
  rollOut(): Promise<RollOut | undefined>;
  reconciler(): Reconciler;
  close(): Promise<void>;
}

export interface WorkshopOptions {
  readonly configuration: Configuration;
  /** The account policy of a profile, from whoever knows both it and us. */
  readonly loadPolicy: (policy: PolicySettings) => Promise<PolicyRenderer>;
  /** Follow the directory however many accounts it removes. */
  readonly allowMassDelete: boolean;
  readonly log: Log;
  readonly clock: Clock;
}

const DAY_MS = 24 * 60 * 60_000;
/** Enough for an API server to come back; what takes longer is tried again account by account. */
const RETRY = { budgetMs: 15_000, firstPauseMs: 50, maxPauseMs: 2_000 };
/** Connections beside one for each account at work: watches, the lease. */
const MORE_CONNECTIONS = 8;

/** Milliseconds of a clock that does not jump. */
export const monotonic = (): number => performance.now();

/** Opens everything; nothing is asked of anybody yet. */
export async function openWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { configuration, log, clock } = options;
  // Not the command's own signal: what is under way may end after it.
  const end = new AbortController();
  const { signal } = end;
  const metrics = createMetrics();
  let requests = 0;
  const client = new KubeClient({
    credentials: await readCredentials(configuration.kubeconfig),
    clock,
    signal,
    connections: configuration.concurrency + MORE_CONNECTIONS,
    retry: RETRY,
    onRequest(method) {
      requests += 1;
      metrics.apiRequests.inc({ method });
    },
    onRetry(error) {
      metrics.errors.inc({ source: 'api' });
      log.debug(errorFields(error), 'a request is tried again');
    },
  });
  const directory = new LdapDirectory(await readLdapSettings(configuration.ldapConfig), signal);
  const homes = new HomesProcess({
    roots: { tool: configuration.dataRoot, admin: configuration.adminHomeRoot },
    deadlineMs: configuration.fileDeadline * 1000,
    onTrouble(what) {
      metrics.errors.inc({ source: 'homes' });
      log.error({ what }, 'trouble with homes');
    },
  });
  const onError = (error: unknown): void => {
    metrics.errors.inc({ source: 'api' });
    log.warn(errorFields(error), 'trouble with the API');
  };
  const { policy, cluster, massDelete, renewBeforeDays, concurrency } = configuration;
  const everybody: Settings = {
    ...configuration,
    cluster: { server: cluster.server, ca: await readFile(cluster.caFile, 'utf8') },
    ...(policy === undefined ? {} : { renderPolicy: await options.loadPolicy(policy) }),
  };
  const rollOuts = new RollOutReader(configuration.rollOutFile, options.loadPolicy);
  const tools: Tools = {
    settings: { ...everybody, rollOut: await rollOuts.read() },
    client,
    issuer: new CertificateIssuer({ client, clock, signal, onError }),
    homes: homes.homes,
  };
  const leadership = new Leadership(await identityOfThisProcess(), {
    client,
    clock,
    monotonic,
    onError,
    onStandby(holder) {
      log.info({ holder }, 'another instance leads');
    },
  });
  return {
    ...{ configuration, client, directory, tools, metrics, log, leadership },
    apiRequests: () => requests,
    rollOut: () => rollOuts.read(),
    reconciler: () =>
      new Reconciler({
        ...{ tools, log, metrics, monotonic },
        now: () => clock.now(),
        renewBefore: renewBeforeDays * DAY_MS,
        removalLimits: massDelete,
        allowMassDelete: options.allowMassDelete,
        places: concurrency,
      }),
    async close() {
      await directory.close();
      end.abort();
      await client.close();
      homes.close();
    },
  };
}
