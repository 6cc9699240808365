import path from 'node:path';
import { connectWriter, type RefusedChange } from '../../components/ldap/index.ts';
import type { AccountId } from '../../components/maintain-kubeusers/accounts/account.ts';
import { BulkMeter } from '../../lib/bulk.ts';
import { showBulk } from '../../lib/bulk-progress.ts';
import type { Context } from '../../lib/context.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { isNoAnswer } from '../../lib/ldap/errors.ts';
import { acquireLock } from '../../lib/lock.ts';
import { runPlan, type Plan, type Progress } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { concerns } from './settling.ts';
import { isGoing } from './going.ts';
import { add, describe, incomplete, NOTHING, type SeedAccountsOutcome } from './outcome.ts';
import { planRemoval } from './remove.ts';
import type { SeedAccountsRequest } from './requests.ts';
import { doWork, planSeed, type Work, type WorkPlan } from './write.ts';
import { planZoo, planZooRemoval } from './zoo-plan.ts';

/** What the cluster does about accounts, for as long as something there looks at LDAP. */
export interface AccountsInCluster {
  /**
   * Told before accounts go, so that a guard against mass deletion lets that many go, and those that an earlier run took
   * out of LDAP and the cluster still has.
   */
  expectRemoval(accounts: number, isGoing: (account: AccountId) => boolean): Promise<void>;
  /** Waits until the cluster is as LDAP wants it; tells how far it is, and in the end what came of it. */
  settle(progress: Progress, isOwn?: (account: string) => boolean): Promise<string>;
}

/** How long a server that was restarted may take to answer again, and how often that may happen in one run. */
const RESTART_TIMEOUT_MS = 30_000;
const RESTARTS = 5;

/**
 * Brings the accounts of a request about in LDAP, or takes them away. May be interrupted anywhere and run again: what
 * is there is compared, not written again. A server that dies meanwhile is waited for.
 * @param directory LDAP's own directory in the cluster's
 * @param cluster absent: nothing in the cluster looks at LDAP, or nobody wants to wait for it
 * @throws Failure `incomplete` when the server refused something, `busy` when another run is at it
 */
export async function seedAccounts(
  directory: string,
  requests: readonly SeedAccountsRequest[],
  cluster: AccountsInCluster | undefined,
  context: Context,
): Promise<SeedAccountsOutcome> {
  const { clock, signal } = context;
  const lock = path.join(directory, 'seed-accounts.lock');
  await (await connectWriter(directory, { signal })).close(); // says what is the matter before anything is shown
  const release = await acquireLock(lock, { command: 'seed-accounts', clock, signal });
  try {
    const state: SeedState = { outcome: NOTHING };
    await runPlan(seedPlan(directory, requests, cluster, context), state, context);
    const { refused } = state.outcome;
    if (refused.length > 0) throw incomplete(refused);
    return state.outcome;
  } finally {
    await release();
  }
}

interface SeedState {
  outcome: SeedAccountsOutcome;
}

function seedPlan(
  directory: string,
  requests: readonly SeedAccountsRequest[],
  cluster: AccountsInCluster | undefined,
  context: Context,
): Plan<SeedState> {
  const write: Plan<SeedState>[number] = {
    id: 'accounts.write',
    title: 'Accounts in LDAP',
    async run(state, progress) {
      state.outcome = await writeAll(directory, requests, cluster, progress, context);
      return describe(state.outcome);
    },
  };
  if (cluster === undefined) return [write];
  return [
    write,
    {
      id: 'accounts.settle',
      title: 'Accounts in the cluster',
      run: (_, progress) => cluster.settle(progress, concerns(requests)),
    },
  ];
}

/** Looks, compares and writes; again from the look when the server died in between. */
async function writeAll(
  directory: string,
  requests: readonly SeedAccountsRequest[],
  cluster: AccountsInCluster | undefined,
  progress: Progress,
  context: Context,
): Promise<SeedAccountsOutcome> {
  let outcome = NOTHING;
  for (let restarts = 0; ; restarts += 1) {
    const client = await reconnect(directory, context);
    try {
      for (const request of requests) {
        progress.update('comparing');
        const plan = await planOf(client, request);
        if (request.kind === 'delete')
          await cluster?.expectRemoval(accountsGoing(plan), isGoing(request, plan));
        outcome = add(outcome, await write(client, plan, progress, context));
      }
      return outcome;
    } catch (error) {
      if (!isNoAnswer(error) || restarts >= RESTARTS) throw error;
    } finally {
      await client.close();
    }
  }
}

function planOf(client: LdapClient, request: SeedAccountsRequest): Promise<WorkPlan> {
  switch (request.kind) {
    case 'seed':
      return planSeed(client, request.options);
    case 'delete':
      return planRemoval(client, request.prefix, request.count);
    case 'zoo':
      return planZoo(client);
    case 'delete-zoo':
      return planZooRemoval(client);
  }
}

async function write(
  client: LdapClient,
  { work, unchanged }: WorkPlan,
  progress: Progress,
  { clock, output }: Context,
): Promise<SeedAccountsOutcome> {
  const meter = new BulkMeter(work.length, clock);
  const stop = showBulk(meter, {
    name: 'write',
    output,
    update: (text) => {
      progress.update(text);
    },
    extra: () => ({ text: [], data: {} }),
  });
  let refused: RefusedChange[];
  try {
    refused = await doWork(client, work, meter);
  } finally {
    stop();
  }
  const faulty = new Set(refused.map(({ change }) => change));
  const done = work.filter(({ changes }) => !changes.some((change) => faulty.has(change)));
  const count = (kind: Work['kind']): number => done.filter((item) => item.kind === kind).length;
  return {
    created: count('create'),
    changed: count('change'),
    deleted: count('delete'),
    unchanged,
    refused,
    seconds: meter.snapshot().seconds,
  };
}

async function reconnect(directory: string, { clock, signal }: Context): Promise<LdapClient> {
  return waitFor(
    'LDAP to answer again',
    () =>
      connectWriter(directory, { signal }).catch((error: unknown) => {
        throw isNoAnswer(error) ? new Error(String(error), { cause: error }) : error;
      }),
    { clock, signal, timeoutMs: RESTART_TIMEOUT_MS },
  );
}

function accountsGoing({ work }: WorkPlan): number {
  return work.filter(({ kind, account }) => kind === 'delete' && account).length;
}
