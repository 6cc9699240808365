import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { makePrivateDirectory } from '../../lib/files.ts';
import { LOOPBACK } from '../keys.ts';
import { loadParts, LocalCluster, SILENT, type LocalClusterParts } from '../local-cluster.ts';
import type { Profile } from '../profile.ts';
import type { Cluster, Endpoint, LogSource, MachineMemory, Platform, PodHost } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';
import { saveEtcd } from '../save-etcd.ts';
import { resolveBinaries } from '../toolchain/resolve.ts';
import { findEngine } from './engine.ts';
import { apiserverEndpoints, nodesOf, port } from './layout.ts';
import { profileOfNodes } from './image/choose.ts';
import { deploymentLogs, nodeLogs } from './logs.ts';
import { requireKnownEngine } from './known-engine.ts';
import { nodeMemory } from './memory.ts';
import { KindPlatform } from './platform.ts';
import { podHost } from './pod-host.ts';
import { waitForApiservers, waitForNodes } from './readiness.ts';
import { restoreEtcd } from './snapshot.ts';

/** A control plane of real nodes in containers. */
export class KindCluster extends LocalCluster {
  readonly apiservers: readonly Endpoint[];
  readonly platform: Platform;
  readonly hostPorts: Cluster['hostPorts'];
  readonly podHost: PodHost;
  readonly #toolsVersion: string;

  static async load(record: ClusterRecord, profile: Profile, context: Context): Promise<KindCluster> {
    const parts = await loadParts(record, profile, context);
    const ofNodes = await profileOfNodes(profile, parts.directory);
    return new KindCluster({ ...parts, profile: ofNodes }, profile.kubernetes);
  }

  /** @param toolsVersion the Kubernetes that programs on the host are of, which is built here */
  private constructor(parts: LocalClusterParts, toolsVersion: string) {
    super(parts);
    const { record, context } = parts;
    this.#toolsVersion = toolsVersion;
    this.apiservers = apiserverEndpoints(record);
    this.hostPorts = { ldap: port(record, 'ldap'), maintainKubeusers: port(record, 'maintainKubeusers') };
    this.platform = new KindPlatform(() => this.client(), context);
    this.podHost = podHost(record, parts.directory, context);
  }

  async program(binary: string): Promise<string> {
    const ref = { module: `kubernetes-${this.#toolsVersion}`, binary };
    const program = (await resolveBinaries([ref], this.context, SILENT)).get(binary);
    if (program === undefined) throw new Error(`${binary} was not resolved`);
    return program;
  }

  async memory(): Promise<readonly MachineMemory[]> {
    const answer = await findEngine(this.context);
    return [
      ...(await nodeMemory(this.record, 'engine' in answer ? answer.engine : undefined, this.context)),
      { machine: 'host', processes: await this.supervised() },
    ];
  }

  async logs(): Promise<readonly LogSource[]> {
    return [
      ...nodeLogs(this.record, await findEngine(this.context)),
      ...deploymentLogs(await this.program('kubectl'), this.kubeconfig),
    ];
  }

  async saveState(file: string): Promise<void> {
    await makePrivateDirectory(path.dirname(file));
    const first = nodesOf(this.record).find(({ role }) => role === 'control-plane');
    const url = `https://${LOOPBACK}:${port(this.record, 'etcd', first?.index ?? 0)}`;
    await saveEtcd(url, 'etcd-client', this.pki, file, this.context.signal);
  }

  async restoreState(file: string): Promise<void> {
    const engine = await requireKnownEngine(this.directory, this.context);
    await restoreEtcd(this.record, this.directory, file, engine, this.context);
    await waitForApiservers(this, engine, this.context);
    const client = await this.client();
    try {
      await waitForNodes(this.record, client, this.context);
    } finally {
      await client.close();
    }
  }
}
