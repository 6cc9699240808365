import path from 'node:path';
import { differencesFromProduction, type Difference } from '../cluster/differences.ts';
import { loadCluster } from '../cluster/open.ts';
import type { Cluster, MachineMemory } from '../cluster/provider.ts';
import type { Context } from '../lib/context.ts';
import { messageOf } from '../lib/errors.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import {
  NAMESPACES,
  pathOf,
  POLICIES,
  type KubeList,
  type KubeObject,
  type Resource,
} from '../lib/kube/types.ts';
import { haproxyDirectory, haproxyStatus, type HAProxyStatus } from './haproxy/index.ts';
import { kyvernoStatus, type KyvernoStatus } from './kyverno/index.ts';
import { ldapStatus, type LdapStatus } from './ldap/index.ts';
import { maintainKubeusersStatus, type MaintainKubeusersStatus } from './maintain-kubeusers/index.ts';

/** A part of the status, or why it could not be had: one part that is down must not hide the others. */
export type Part<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

export interface ApiStatus {
  /** What `/readyz` says through HAProxy, and how long that took, in milliseconds. */
  readonly readyMs: number;
  readonly namespaces: number;
  readonly policies: number;
}

/** Everything on the one screen of `status`. */
export interface Status {
  readonly name: string;
  readonly provider: string;
  readonly profile: string;
  readonly versions: { readonly kubernetes: string; readonly etcd: string; readonly kyverno: string };
  readonly directory: string;
  readonly api: Part<ApiStatus>;
  readonly haproxy: Part<HAProxyStatus>;
  readonly kyverno: Part<KyvernoStatus>;
  readonly ldap: LdapStatus;
  readonly accounts: Part<MaintainKubeusersStatus>;
  readonly machines: readonly MachineMemory[];
  readonly differences: readonly Difference[];
  /** Whether everything that belongs to the cluster works. */
  readonly healthy: boolean;
}

/** Reads the status; nothing is changed, and what does not answer is named. */
export async function readStatus(name: string, context: Context): Promise<Status> {
  const cluster = await loadCluster(name, context);
  const client = await cluster.client({ retry: { budgetMs: 0, firstPauseMs: 0, maxPauseMs: 0 } });
  try {
    const [api, haproxy, kyverno, ldap, accounts, machines] = await Promise.all([
      part(() => readApi(client, context)),
      part(() => haproxyStatus(haproxyDirectory(cluster))),
      part(() => kyvernoStatus(cluster, client, context.clock)),
      ldapStatus(cluster, context.signal),
      part(() => maintainKubeusersStatus(cluster.directory)),
      cluster.memory(),
    ]);
    const running = machines.every(({ processes }) => processes.every(({ pid }) => pid !== undefined));
    return {
      ...facts(cluster),
      api,
      haproxy,
      kyverno,
      ldap,
      accounts,
      machines,
      healthy:
        running &&
        api.ok &&
        haproxy.ok &&
        haproxy.value.ready &&
        kyverno.ok &&
        kyverno.value.ready &&
        !('problem' in ldap.content) &&
        accounts.ok,
    };
  } finally {
    await client.close();
  }
}

function facts({ record, profile, directory }: Cluster) {
  return {
    name: record.spec.name,
    provider: record.spec.provider,
    profile: profile.name,
    versions: { kubernetes: profile.kubernetes, etcd: profile.etcd, kyverno: profile.kyverno },
    directory: path.resolve(directory),
    differences: differencesFromProduction(record.spec, profile),
  };
}

async function readApi(client: KubeClient, context: Context): Promise<ApiStatus> {
  const started = context.clock.now();
  await client.request('GET', '/readyz', { timeoutMs: 5_000 });
  const readyMs = context.clock.now() - started;
  const [namespaces, policies] = await Promise.all([count(client, NAMESPACES), count(client, POLICIES)]);
  return { readyMs, namespaces, policies };
}

/** How many objects there are, at the price of one: the server says how many remain behind the first. */
async function count(client: KubeClient, resource: Resource): Promise<number> {
  const page = await client.request<KubeList<KubeObject>>('GET', pathOf(resource), { query: { limit: 1 } });
  return page.items.length + (page.metadata?.remainingItemCount ?? 0);
}

async function part<T>(read: () => Promise<T>): Promise<Part<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (error) {
    return { ok: false, problem: messageOf(error) };
  }
}
