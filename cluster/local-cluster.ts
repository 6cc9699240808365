import type { Context } from '../lib/context.ts';
import { KubeClient, type KubeClientOptions } from '../lib/kube/client.ts';
import { residentMemory } from '../lib/memory.ts';
import { adminKubeconfig, apiUrl, credentialsOf } from './keys.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import { PkiStore } from './pki/store.ts';
import type { Profile } from './profile.ts';
import type { Cluster, Endpoint, MachineMemory, Platform, ProcessMemory } from './provider.ts';
import { clusterDirectory, type ClusterRecord } from './record.ts';
import { resolveRunit } from './supervisor/resolve.ts';
import { RunitSupervisor } from './supervisor/runit.ts';
import type { Supervisor } from './supervisor/service.ts';

/** Nobody watches: a cluster is loaded in a moment from what `up` resolved. */
export const SILENT = { update: () => undefined };

/** What a cluster is made of when it is loaded. */
export interface LocalClusterParts {
  readonly record: ClusterRecord;
  readonly profile: Profile;
  readonly directory: string;
  readonly supervisor: Supervisor;
  readonly context: Context;
}

export async function loadParts(
  record: ClusterRecord,
  profile: Profile,
  context: Context,
): Promise<LocalClusterParts> {
  const directory = clusterDirectory(context.paths, record.spec.name);
  const supervisor = new RunitSupervisor(directory, await resolveRunit(context, SILENT), context);
  return { record, profile, directory, supervisor, context };
}

/** What clusters of all providers have: keys of our own, host processes, and a way in through HAProxy. */
export abstract class LocalCluster implements Cluster {
  readonly record: ClusterRecord;
  readonly profile: Profile;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly supervisor: Supervisor;
  readonly pki: PkiStore;
  abstract readonly apiservers: readonly Endpoint[];
  abstract readonly platform: Platform;
  abstract readonly hostPorts: Cluster['hostPorts'];
  protected readonly context: Context;

  protected constructor({ record, profile, directory, supervisor, context }: LocalClusterParts) {
    this.record = record;
    this.profile = profile;
    this.directory = directory;
    this.supervisor = supervisor;
    this.context = context;
    this.kubeconfig = adminKubeconfig(directory);
    this.pki = new PkiStore(directory);
  }

  abstract program(binary: string): Promise<string>;
  abstract memory(): Promise<readonly MachineMemory[]>;
  abstract saveState(file: string): Promise<void>;
  abstract restoreState(file: string): Promise<void>;

  async client(options: Partial<Omit<KubeClientOptions, 'credentials' | 'clock'>> = {}): Promise<KubeClient> {
    return new KubeClient({
      signal: this.context.signal,
      ...options,
      credentials: await credentialsOf(this.pki, 'admin', apiUrl(this.record)),
      clock: this.context.clock,
    });
  }

  async kubeconfigFor(user: string, groups: readonly string[]): Promise<string> {
    const name = `user-${user.replaceAll(/[^A-Za-z0-9.-]+/g, '-')}`;
    await this.pki.issue(name, 'ca', { commonName: user, organizations: groups, usage: 'client' });
    return renderKubeconfig(
      this.record.spec.name,
      user,
      await credentialsOf(this.pki, name, apiUrl(this.record)),
    );
  }

  /** What the processes under the supervisor use. */
  protected async supervised(): Promise<ProcessMemory[]> {
    const states = await this.supervisor.status();
    const resident = await residentMemory(states.flatMap(({ pid }) => pid ?? []));
    return states.map(({ name, pid, seconds }) => ({
      name,
      rss: resident.get(pid ?? -1) ?? 0,
      ...(pid === undefined ? {} : { pid, uptime: seconds }),
    }));
  }
}
