import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { makePrivateDirectory, writeFileIfChanged } from '../../lib/files.ts';
import { loadParts, LocalCluster, SILENT, type LocalClusterParts } from '../local-cluster.ts';
import type { Profile } from '../profile.ts';
import type { Cluster, Endpoint, MachineMemory, Platform } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';
import { saveEtcd } from '../save-etcd.ts';
import { clientUrl, ETCD_MEMBER } from './etcd.ts';
import { apiserverEndpoints, layout, port } from './layout.ts';
import { EmbeddedPlatform, serviceAccountFile } from './platform.ts';
import { resolvePrograms } from './programs.ts';
import { waitForApiservers } from './readiness.ts';
import { restoreEtcd } from './snapshot.ts';

/** A control plane of plain processes. */
export class EmbeddedCluster extends LocalCluster {
  readonly apiservers: readonly Endpoint[];
  readonly platform: Platform;
  readonly hostPorts: Cluster['hostPorts'];

  static async load(record: ClusterRecord, profile: Profile, context: Context): Promise<EmbeddedCluster> {
    return new EmbeddedCluster(await loadParts(record, profile, context));
  }

  private constructor(parts: LocalClusterParts) {
    super(parts);
    const { record, supervisor } = parts;
    this.apiservers = apiserverEndpoints(record);
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
    const programs = await resolvePrograms(this.profile, this.context, SILENT);
    const program = programs.get(binary);
    if (program === undefined) throw new Error(`${binary} is not a program of this cluster`);
    return program;
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
    const machines = Map.groupBy(await this.supervised(), ({ name }) => machineOf(name));
    const limit = this.record.spec.controlPlaneMemory;
    return [...machines].map(([machine, processes]) => ({
      machine,
      processes,
      ...(limit !== undefined && machine.startsWith('control-plane') ? { limit } : {}),
    }));
  }

  async saveState(file: string): Promise<void> {
    await makePrivateDirectory(path.dirname(file));
    await saveEtcd(clientUrl(this.record), 'apiserver-etcd-client', this.pki, file, this.context.signal);
  }

  async restoreState(file: string): Promise<void> {
    const services = (await this.supervisor.names()).filter((name) => machineOf(name) !== 'host');
    const { etcdData } = layout(this.directory);
    const etcdutl = await this.program('etcdutl');
    // All that may fail comes before anything is stopped or deleted.
    const restored = await restoreEtcd(this.record, { etcdutl, file, etcdData, known: true }, this.context);
    await this.supervisor.stop(services);
    await rm(etcdData, { recursive: true, force: true });
    await rename(restored, etcdData);
    const platform = services.filter((name) => machineOf(name) === 'workers');
    await this.supervisor.start(services.filter((name) => !platform.includes(name)));
    await waitForApiservers(this, this.context);
    await this.supervisor.start(platform);
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
