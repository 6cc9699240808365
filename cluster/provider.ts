import type { V1Deployment } from '@kubernetes/client-node';
import type { Context } from '../lib/context.ts';
import type { KubeClient, KubeClientOptions } from '../lib/kube/client.ts';
import type { Plan } from '../lib/steps.ts';
import type { PkiStore } from './pki/store.ts';
import type { Profile } from './profile.ts';
import type { ClusterRecord } from './record.ts';
import type { ClusterSpec } from './spec.ts';
import type { Supervisor } from './supervisor/service.ts';

/** One API server, as HAProxy sees it. */
export interface Endpoint {
  /** `control-plane-1`; the name of HAProxy's server. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** A Service of the cluster whose replicas are processes: HAProxy balances them as kube-proxy would pods. */
export interface BalancedService {
  /** `kyverno-svc` */
  readonly name: string;
  /** On loopback, where webhooks reach it. */
  readonly port: number;
  /** What a ready replica answers 200 to, over TLS. */
  readonly healthPath: string;
  readonly servers: readonly Endpoint[];
}

/** How much memory one control-plane machine has and uses. */
export interface MachineMemory {
  readonly machine: string;
  /** Bytes; absent: no limit. */
  readonly limit?: number;
  readonly processes: readonly ProcessMemory[];
}

export interface ProcessMemory {
  readonly name: string;
  /** Absent while the process is down. */
  readonly pid?: number;
  /** Resident bytes. */
  readonly rss: number;
  /** Seconds since it (re)started. */
  readonly uptime?: number;
}

/** A Deployment of the platform itself (Kyverno's controllers): pods on kind, processes on embedded. */
export interface PlatformWorkload {
  /** As its chart renders it, with the number of replicas wanted. */
  readonly deployment: V1Deployment;
  /** The toolchain's name of the program in its container: `kyverno`, `reports-controller` … */
  readonly binary: string;
  /**
   * For a workload that serves a webhook: the Service that its webhooks name, `kyverno-svc`. Where workloads are
   * processes, HAProxy balances its replicas behind `webhookAddress(service)`, and each replica listens where the
   * arguments that `replicaArguments` returns for its port tell it to.
   */
  readonly webhook?: { readonly service: string; replicaArguments(port: number): readonly string[] };
  /** Arguments that only a replica outside the cluster's network needs, given its private metrics port. */
  processArguments?(metricsPort: number): readonly string[];
  /** No request waits for it: where it is a process beside the API servers, it must not slow them down. */
  readonly background?: boolean;
}

export interface Platform {
  /** The image that stands in for Toolforge's own where tools' pods really run. */
  readonly toolImage?: string;
  /** The Services that HAProxy balances because their replicas are processes; empty where they are pods. */
  readonly balancedServices: readonly BalancedService[];
  /**
   * `127.0.0.1:PORT` where the webhooks of a platform Service are reached from outside the cluster's network;
   * undefined where the API server reaches the Service itself.
   */
  webhookAddress(service: string): string | undefined;
  /** Brings the workload to this shape and starts it; nothing restarts when nothing changed. */
  apply(workload: PlatformWorkload): Promise<void>;
  /** Stops all replicas and keeps their definition, or starts them again. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** One entry a replica. */
  replicas(name: string): Promise<readonly Replica[]>;
}

export interface Replica {
  readonly name: string;
  /** As far as its own health endpoint or pod condition says. */
  readonly running: boolean;
  /** Resident bytes. */
  readonly rss: number;
  /** Why it does not run, where Kubernetes says so: `ImagePullBackOff: …`. */
  readonly trouble?: string;
}

/** What pods that really run need of this machine. */
export interface PodHost {
  /** An address of this machine that pods reach; undefined where the engine runs them on another (a virtual machine). */
  address(): Promise<string | undefined>;
  /** Writes a file that every node shows to pods under the name of production's: `/etc/ldap.yaml`. */
  writeFile(name: 'ldap.yaml' | 'ldap.conf', content: string): Promise<void>;
  /** Files that pods wrote into homes become readable for a copy, or this user's own, to be removed. */
  openFiles(how: 'readable' | 'ours'): Promise<void>;
}

/** A log that some command shows. */
export interface LogSource {
  /** `kubelet-1`; for `npm run logs`. */
  readonly name: string;
  /** Shows the last lines, and with `follow` what is added. */
  command(lines: number, follow: boolean): { readonly program: string; readonly args: readonly string[] };
}

/** A running cluster, whichever provider runs it. */
export interface Cluster {
  readonly record: ClusterRecord;
  readonly profile: Profile;
  /** The cluster's own directory below the state root, mode 0700. */
  readonly directory: string;
  /** One for each control plane. */
  readonly apiservers: readonly Endpoint[];
  /** Path of the admin kubeconfig; its server is HAProxy's frontend. */
  readonly kubeconfig: string;
  readonly platform: Platform;
  /** Undefined where pods are simulated. */
  readonly podHost?: PodHost;
  /** Runs the host processes beside the cluster: HAProxy, slapd, maintain-kubeusers. */
  readonly supervisor: Supervisor;
  /** Loopback ports set aside for the host processes beside the cluster. */
  readonly hostPorts: { readonly ldap: number; readonly maintainKubeusers: number };
  /** The cluster's keys: for components that serve TLS, or are clients. */
  readonly pki: PkiStore;
  /** A client through HAProxy with the admin's credentials. The caller closes it. */
  client(options?: Partial<Omit<KubeClientOptions, 'credentials' | 'clock'>>): Promise<KubeClient>;
  /** A kubeconfig (its text) for a platform identity: a service account's user name and groups. */
  kubeconfigFor(user: string, groups: readonly string[]): Promise<string>;
  /** The path of one of the toolchain's programs: `kubectl`. */
  program(binary: string): Promise<string>;
  memory(): Promise<readonly MachineMemory[]>;
  /** Logs that the supervisor does not keep: those of the control plane's pods and of the nodes, where there are any. */
  logs?(): Promise<readonly LogSource[]>;
  /** Saves the state of etcd to a file, online. */
  saveState(file: string): Promise<void>;
  /** Replaces the state of etcd by a saved one; the control plane and the platform's workloads restart. */
  restoreState(file: string): Promise<void>;
}

/** What `up` hands from step to step: its first step makes the cluster known, the others bring it up. */
export interface UpState {
  cluster: Cluster;
}

/** A provider's part of `up`, in three plans: HAProxy comes between the second and the third. */
export interface ProviderPlans {
  /** Everything that can be made before anything runs: programs, images, keys. Sets the cluster. */
  readonly prepare: Plan<UpState>;
  /** From nothing, or from whatever an earlier run left, to API servers that answer. */
  readonly controlPlane: Plan<UpState>;
  /** Controllers and nodes; clients of the API, and so through HAProxy. */
  readonly nodes: Plan<UpState>;
}

export interface Provider {
  readonly name: ClusterSpec['provider'];
  /** Whether a new cluster can start from the saved state of another; where not, none is saved. */
  readonly startsFromSavedState: boolean;
  /** Throws the failure that says why this host cannot give what is asked for; before anything is recorded or made. */
  check(spec: ClusterSpec, profile: Profile, context: Context): Promise<void>;
  /**
   * @param startingState the path of a saved etcd, once its plan's `prepare` is done: a new cluster starts from it where the
   *   file is there and the provider can
   */
  up(record: ClusterRecord, profile: Profile, context: Context, startingState: () => string): ProviderPlans;
  /** Ends every process of the cluster of that name, whatever state its record is in. Idempotent. */
  down(name: string, context: Context): Promise<void>;
  /** The cluster of a record, running or not. */
  load(record: ClusterRecord, profile: Profile, context: Context): Promise<Cluster>;
}
