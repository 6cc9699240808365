import { readFile } from 'node:fs/promises';
import type { Cluster } from '../../cluster/provider.ts';
import { ldapDirectory } from '../../components/ldap/index.ts';
import {
  configurationFile,
  maintainKubeusersStatus,
  requestsSoFar,
  SERVICE_NAME,
} from '../../components/maintain-kubeusers/index.ts';
import type { Context } from '../../lib/context.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import { NAMESPACES } from '../../lib/kube/types.ts';
import { waitFor } from '../../lib/wait.ts';
import { accounts } from '../../seed/account-names.ts';
import { accountsInCluster } from '../../seed/accounts/in-cluster.ts';
import { seedAccounts, type SeedAccountsRequest } from '../../seed/accounts/index.ts';

const PREFIX = 'bench';
const LATE = 'late';
const TIMEOUT_MS = 30 * 60_000;

export interface AccountsMade {
  /** Accounts a second: written to LDAP, and from the first write to the last that has all it needs. */
  readonly ldap: number;
  readonly ready: number;
  /** Requests of the loop to the Kubernetes API for each account. */
  readonly requestsEach: number;
  /** Resident bytes of the loop afterwards. */
  readonly memory: number;
}

/** Makes accounts in LDAP, and waits until maintain-kubeusers has made of each what it needs, policy included. */
export async function makeAccounts(cluster: Cluster, count: number, context: Context): Promise<AccountsMade> {
  const request: SeedAccountsRequest = { kind: 'seed', options: { count, prefix: PREFIX, admins: 0 } };
  const before = await requestsSoFar(cluster.directory);
  const started = context.clock.now();
  const seconds = (): number => (context.clock.now() - started) / 1000;
  await seedAccounts(ldapDirectory(cluster), [request], undefined, context);
  const written = seconds();
  await allReady(cluster, count, context);
  const ready = seconds();
  const { memory } = await maintainKubeusersStatus(cluster.directory);
  const requests = (await requestsSoFar(cluster.directory)) - before;
  return { ldap: count / written, ready: count / ready, requestsEach: requests / count, memory };
}

/** Seconds from an entry in LDAP to its namespace, beside all the others. It is taken away again. */
export async function reactionSeconds(cluster: Cluster, context: Context): Promise<number> {
  const { clock, signal } = context;
  const directory = ldapDirectory(cluster);
  const client = await cluster.client();
  try {
    const seed: SeedAccountsRequest = { kind: 'seed', options: { count: 1, prefix: LATE, admins: 0 } };
    const [late] = accounts(LATE, 1);
    const started = clock.now();
    await seedAccounts(directory, [seed], undefined, context);
    const namespace = `tool-${late?.name ?? ''}`;
    await waitFor('its namespace', () => ifFound(client.get(NAMESPACES, namespace)), {
      ...{ clock, signal, timeoutMs: TIMEOUT_MS, maxPauseMs: 50 },
    });
    const seconds = (clock.now() - started) / 1000;
    await seedAccounts(directory, [{ kind: 'delete', prefix: LATE, count: undefined }], undefined, context);
    return seconds;
  } finally {
    await client.close();
  }
}

/** Grants every account more quota, which is to every account what another quota is, and waits for the last. Seconds. */
export async function changeQuota(cluster: Cluster, count: number, context: Context): Promise<number> {
  const file = configurationFile(cluster.directory);
  const known = await readFile(file, 'utf8');
  const granted = [...accounts(PREFIX, count)].map(({ name }) => [name, { version: 1, cpu: '3' }]);
  const quotaOverrides: unknown = Object.fromEntries(granted);
  const changed = { ...(JSON.parse(known) as object), quotaOverrides };
  await writeFileAtomic(file, JSON.stringify(changed));
  const started = context.clock.now();
  await cluster.supervisor.stop([SERVICE_NAME]);
  await cluster.supervisor.start([SERVICE_NAME]);
  await allReady(cluster, count, context);
  const seconds = (context.clock.now() - started) / 1000;
  await writeFileAtomic(file, known);
  return seconds;
}

/** What the last pass cost that found nothing to do. */
export async function idlePass(
  cluster: Cluster,
  context: Context,
): Promise<{
  readonly seconds: number;
  readonly requests: number;
  readonly fileOperations: number;
}> {
  const { at } = (await maintainKubeusersStatus(cluster.directory)).lastPass ?? {};
  return waitFor(
    'a pass with nothing to do',
    async () => {
      const { lastPass } = await maintainKubeusersStatus(cluster.directory);
      if (lastPass === undefined || lastPass.at === at || lastPass.kind !== 'full') return undefined;
      if (lastPass.actions > 0) return undefined;
      const { seconds, apiRequests, directoryRequests, fileOperations } = lastPass;
      return { seconds, requests: apiRequests + directoryRequests, fileOperations };
    },
    { clock: context.clock, signal: context.signal, timeoutMs: TIMEOUT_MS, maxPauseMs: 1_000 },
  );
}

export async function removeAccounts(cluster: Cluster, context: Context): Promise<void> {
  const request: SeedAccountsRequest = { kind: 'delete', prefix: PREFIX, count: undefined };
  await seedAccounts(ldapDirectory(cluster), [request], accountsInCluster(cluster, context), context);
}

async function allReady(cluster: Cluster, count: number, { clock, signal }: Context): Promise<void> {
  await waitFor(
    'maintain-kubeusers to finish the accounts',
    async () => {
      // It does not answer while it restarts.
      const status = await maintainKubeusersStatus(cluster.directory).catch(() => undefined);
      if (status === undefined) return undefined;
      const { pending, ready } = status.accounts;
      const idle = pending + status.work.waiting + status.work.underWay === 0;
      return idle && ready > count ? true : undefined;
    },
    { clock, signal, timeoutMs: TIMEOUT_MS, maxPauseMs: 200 },
  );
}
