import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Failure } from '../../lib/errors.ts';
import type { Context } from '../../lib/context.ts';
import { makePrivateDirectory, writeFileIfChanged } from '../../lib/files.ts';
import { KubeClient, type KubeClientOptions } from '../../lib/kube/client.ts';
import { residentMemory } from '../../lib/memory.ts';
import { renderKubeconfig } from '../kubeconfig.ts';
import { PkiStore } from '../pki/store.ts';
import type { Profile } from '../profile.ts';
import type { Cluster, Endpoint, MachineMemory, Platform, ProcessMemory } from '../provider.ts';
import { clusterDirectory, type ClusterRecord } from '../record.ts';
import { resolveRunit } from '../supervisor/resolve.ts';
import { RunitSupervisor } from '../supervisor/runit.ts';
import type { Supervisor } from '../supervisor/service.ts';
import { clientUrl, ETCD_MEMBER } from './etcd.ts';
import { apiUrl, credentialsOf } from './keys.ts';
import { apiserverEndpoints, layout, port } from './layout.ts';
import { EmbeddedPlatform, serviceAccountFile } from './platform.ts';
import { resolvePrograms } from './programs.ts';
import { restoreEtcd } from './snapshot.ts';
import { saveEtcd } from '../save-etcd.ts';
import { waitForApiservers } from './readiness.ts';

/** Nobody watches: a cluster is loaded in a moment from what `up` resolved. */
const SILENT = { update: () => undefined };

/** A control plane of plain processes. */
export class EmbeddedCluster implements Cluster {
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

  static async load(record: ClusterRecord, profile: Profile, context: Context): Promise<EmbeddedCluster> {
    const directory = clusterDirectory(context.paths, record.spec.name);
    const supervisor = new RunitSupervisor(directory, await resolveRunit(context, SILENT), context);
    return new EmbeddedCluster(record, profile, directory, supervisor, context);
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
    this.platform = new EmbeddedPlatform({
      record,
      supervisor,
      program: (binary) => this.program(binary),
      serviceAccountKubeconfig: (namespace, account) => this.#serviceAccountKubeconfig(namespace, account),
    });
  }

  /** The path of one of the toolchain's programs. */
  async program(binary: string): Promise<string> {
    const programs = await resolvePrograms(this.profile, this.#context, SILENT);
    const program = programs.get(binary);
    if (program === undefined) throw new Error(`${binary} is not a program of this cluster`);
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

  /**
   * The user name and groups of a service account, as the API server knows them, in a client certificate: the same
   * RBAC applies, and there is no token to renew.
   */
  async #serviceAccountKubeconfig(namespace: string, account: string): Promise<string> {
    const text = await this.kubeconfigFor(`system:serviceaccount:${namespace}:${account}`, [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
    ]);
    const file = serviceAccountFile(layout(this.directory).kubeconfigs, namespace, account);
    await writeFileIfChanged(file, text);
    return file;
  }

  async memory(): Promise<readonly MachineMemory[]> {
    const states = await this.supervisor.status();
    const resident = await residentMemory(states.flatMap(({ pid }) => pid ?? []));
    const machines = new Map<string, ProcessMemory[]>();
    for (const { name, pid, seconds } of states) {
      const machine = machineOf(name);
      const reading: ProcessMemory = {
        name,
        rss: resident.get(pid ?? -1) ?? 0,
        ...(pid === undefined ? {} : { pid, uptime: seconds }),
      };
      machines.set(machine, [...(machines.get(machine) ?? []), reading]);
    }
    const limit = this.record.spec.controlPlaneMemory;
    return [...machines].map(([machine, processes]) => ({
      machine,
      processes,
      ...(limit !== undefined && machine.startsWith('control-plane') ? { limit } : {}),
    }));
  }

  async saveState(file: string): Promise<void> {
    await makePrivateDirectory(path.dirname(file));
    await saveEtcd(clientUrl(this.record), 'apiserver-etcd-client', this.pki, file, this.#context.signal);
  }

  async restoreState(file: string): Promise<void> {
    const services = (await this.supervisor.names()).filter((name) => machineOf(name) !== 'host');
    const { etcdData } = layout(this.directory);
    const etcdutl = await this.program('etcdutl');
    // All that may fail comes before anything is stopped or deleted.
    const restored = await restoreEtcd(this.record, { etcdutl, file, etcdData, known: true }, this.#context);
    await this.supervisor.stop(services);
    await rm(etcdData, { recursive: true, force: true });
    await rename(restored, etcdData);
    const platform = services.filter((name) => machineOf(name) === 'workers');
    await this.supervisor.start(services.filter((name) => !platform.includes(name)));
    await waitForApiservers(this, this.#context);
    await this.supervisor.start(platform);
  }

  /** Refused when the API servers are not up: the next step would only time out. */
  async requireRunning(): Promise<void> {
    const states = await this.supervisor.status();
    if (states.some(({ name, pid }) => name.startsWith('kube-apiserver') && pid !== undefined)) return;
    throw new Failure({
      kind: 'cluster',
      what: `Cluster ${this.record.spec.name} is not running`,
      hint: 'Run `npm run up`.',
    });
  }
}

/**
 * Which machine of production a service stands for: the controllers run beside the first API server, etcd on a
 * machine of its own, Kyverno on workers, HAProxy and LDAP outside the cluster.
 */
export function machineOf(service: string): string {
  const apiserver = /^kube-apiserver-(\d+)$/.exec(service)?.[1];
  if (apiserver !== undefined) return `control-plane-${apiserver}`;
  if (service === 'kube-controller-manager' || service === 'kube-scheduler') return 'control-plane-1';
  if (service === ETCD_MEMBER) return 'etcd';
  if (service.startsWith('kyverno-') || service === 'kwok') return 'workers';
  return 'host';
}
