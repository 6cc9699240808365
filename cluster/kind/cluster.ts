import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { makePrivateDirectory } from '../../lib/files.ts';
import { KubeClient, type KubeClientOptions } from '../../lib/kube/client.ts';
import { residentMemory } from '../../lib/memory.ts';
import { renderKubeconfig } from '../kubeconfig.ts';
import { PkiStore } from '../pki/store.ts';
import type { Profile } from '../profile.ts';
import type { Cluster, Endpoint, LogSource, MachineMemory, Platform } from '../provider.ts';
import { clusterDirectory, type ClusterRecord } from '../record.ts';
import { resolveRunit } from '../supervisor/resolve.ts';
import { RunitSupervisor } from '../supervisor/runit.ts';
import type { Supervisor } from '../supervisor/service.ts';
import { saveEtcd } from '../save-etcd.ts';
import { resolveBinaries } from '../toolchain/resolve.ts';
import { findEngine, requireEngine } from './engine.ts';
import { apiUrl, credentialsOf } from './keys.ts';
import { apiserverEndpoints, layout, LOOPBACK, nodesOf, port } from './layout.ts';
import { nodeLogs } from './logs.ts';
import { nodeMemory } from './memory.ts';
import { KindPlatform } from './platform.ts';
import { waitForApiservers, waitForNodes } from './readiness.ts';
import { restoreEtcd } from './snapshot.ts';

/** Nobody watches: a cluster is loaded in a moment from what `up` resolved. */
const SILENT = { update: () => undefined };

/** A control plane of real nodes in containers. */
export class KindCluster implements Cluster {
  readonly record: ClusterRecord;
  readonly profile: Profile;
  readonly directory: string;
  readonly apiservers: readonly Endpoint[];
  readonly kubeconfig: string;
  readonly platform: Platform;
  readonly supervisor: Supervisor;
  readonly pki: PkiStore;
  readonly hostPorts: Cluster['hostPorts'];
  readonly #context: Context;

  static async load(record: ClusterRecord, profile: Profile, context: Context): Promise<KindCluster> {
    const directory = clusterDirectory(context.paths, record.spec.name);
    const supervisor = new RunitSupervisor(directory, await resolveRunit(context, SILENT), context);
    return new KindCluster(record, profile, directory, supervisor, context);
  }

  private constructor(
    record: ClusterRecord,
    profile: Profile,
    directory: string,
    supervisor: Supervisor,
    context: Context,
  ) {
    this.record = record;
    this.profile = profile;
    this.directory = directory;
    this.supervisor = supervisor;
    this.#context = context;
    this.apiservers = apiserverEndpoints(record);
    this.kubeconfig = layout(directory).adminKubeconfig;
    this.pki = new PkiStore(directory);
    this.hostPorts = { ldap: port(record, 'ldap'), maintainKubeusers: port(record, 'maintainKubeusers') };
    this.platform = new KindPlatform(() => this.client(), context);
  }

  async program(binary: string): Promise<string> {
    const ref = { module: `kubernetes-${this.profile.kubernetes}`, binary };
    const program = (await resolveBinaries([ref], this.#context, SILENT)).get(binary);
    if (program === undefined) throw new Error(`${binary} was not resolved`);
    return program;
  }

  async client(options: Partial<Omit<KubeClientOptions, 'credentials' | 'clock'>> = {}): Promise<KubeClient> {
    return new KubeClient({
      signal: this.#context.signal,
      ...options,
      credentials: await credentialsOf(this.pki, 'admin', apiUrl(this.record)),
      clock: this.#context.clock,
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

  async memory(): Promise<readonly MachineMemory[]> {
    const states = await this.supervisor.status();
    const resident = await residentMemory(states.flatMap(({ pid }) => pid ?? []));
    const host = states.map(({ name, pid, seconds }) => ({
      name,
      rss: resident.get(pid ?? -1) ?? 0,
      ...(pid === undefined ? {} : { pid, uptime: seconds }),
    }));
    const answer = await findEngine(this.#context);
    return [
      ...(await nodeMemory(this.record, 'engine' in answer ? answer.engine : undefined, this.#context)),
      { machine: 'host', processes: host },
    ];
  }

  async logs(): Promise<readonly LogSource[]> {
    return nodeLogs(this.record, await requireEngine(this.#context));
  }

  async saveState(file: string): Promise<void> {
    await makePrivateDirectory(path.dirname(file));
    const first = nodesOf(this.record).find(({ role }) => role === 'control-plane');
    const url = `https://${LOOPBACK}:${port(this.record, 'etcd', first?.index ?? 0)}`;
    await saveEtcd(url, 'etcd-client', this.pki, file, this.#context.signal);
  }

  async restoreState(file: string): Promise<void> {
    const engine = await requireEngine(this.#context);
    await restoreEtcd(this.record, this.directory, file, engine, this.#context);
    await waitForApiservers(this, engine, this.#context);
    const client = await this.client();
    try {
      await waitForNodes(this.record, client, this.#context);
    } finally {
      await client.close();
    }
  }
}
