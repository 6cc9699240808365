import path from 'node:path';
import type { V1Container, V1Deployment, V1EnvVar } from '@kubernetes/client-node';
import { residentMemory } from '../../lib/memory.ts';
import { apiUrl, LOOPBACK } from '../keys.ts';
import type { BalancedService, Platform, PlatformWorkload } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';
import type { Service, Supervisor } from '../supervisor/service.ts';
import { balancedServices, port, replicaPort } from './layout.ts';
import { SMALL_HEAP } from './small-heap.ts';
import { MAX_KYVERNO_REPLICAS } from '../spec.ts';

/** The platform's Deployments in the order of their metrics ports; the first may have many replicas. */
const WORKLOADS = [
  'kyverno-admission-controller',
  'kyverno-background-controller',
  'kyverno-cleanup-controller',
  'kyverno-reports-controller',
] as const;

export interface EmbeddedPlatformOptions {
  readonly record: ClusterRecord;
  readonly supervisor: Supervisor;
  /** Path of a program of the toolchain, resolved when it is first needed. */
  readonly program: (binary: string) => Promise<string>;
  /** Writes the kubeconfig of a service account and returns its path. */
  readonly serviceAccountKubeconfig: (namespace: string, serviceAccount: string) => Promise<string>;
}

/** Runs the platform's Deployments as processes: one service a replica, with the arguments of its container. */
export class EmbeddedPlatform implements Platform {
  readonly balancedServices: readonly BalancedService[];
  readonly #options: EmbeddedPlatformOptions;

  constructor(options: EmbeddedPlatformOptions) {
    this.#options = options;
    this.balancedServices = balancedServices(options.record);
  }

  webhookAddress(service: string): string | undefined {
    const found = this.balancedServices.find(({ name }) => name === service);
    return found === undefined ? undefined : `${LOOPBACK}:${found.port}`;
  }

  async apply(workload: PlatformWorkload): Promise<void> {
    const { supervisor } = this.#options;
    const services = await this.#services(workload);
    await supervisor.apply(services);
    const wanted = new Set(services.map(({ name }) => name));
    const surplus = (await this.#names(nameOf(workload.deployment))).filter((name) => !wanted.has(name));
    await supervisor.remove(surplus);
  }

  async #services(workload: PlatformWorkload): Promise<Service[]> {
    const { record, program, serviceAccountKubeconfig } = this.#options;
    const name = nameOf(workload.deployment);
    const namespace = workload.deployment.metadata?.namespace ?? 'default';
    const pod = workload.deployment.spec?.template.spec;
    const [container] = pod?.containers ?? [];
    if (container === undefined) throw new Error(`Deployment ${name} has no container`);
    const kubeconfig = await serviceAccountKubeconfig(namespace, pod?.serviceAccountName ?? 'default');
    const executable = await program(workload.binary);
    const api = new URL(apiUrl(record));
    const replicas = workload.deployment.spec?.replicas ?? 1;
    return Array.from({ length: replicas }, (_, index) => {
      const replica = replicaName(name, index);
      const metricsPort = port(record, 'metrics', metricsOffset(name) + index);
      return {
        name: replica,
        program: executable,
        args: [
          ...(container.args ?? []),
          `--kubeconfig=${kubeconfig}`,
          ...(workload.processArguments?.(metricsPort) ?? []),
          ...(workload.webhook?.replicaArguments(replicaPort(record, workload.webhook.service, index)) ?? []),
        ],
        env: {
          ...environment(container, {
            replica,
            namespace,
            serviceAccount: pod?.serviceAccountName ?? 'default',
          }),
          // What a container runtime sets where an image names no user; Kyverno 1.12 ends at its start without one.
          HOME: '/',
          // client-go takes a process for a pod by these; Kyverno asks for them even with a kubeconfig.
          KUBERNETES_SERVICE_HOST: api.hostname,
          KUBERNETES_SERVICE_PORT: api.port,
          ...SMALL_HEAP,
        },
        files: [kubeconfig],
        ...(workload.background === true ? { yields: true } : {}),
      };
    });
  }

  async pause(name: string): Promise<void> {
    await this.#options.supervisor.stop(await this.#names(name));
  }

  async resume(name: string): Promise<void> {
    await this.#options.supervisor.start(await this.#names(name));
  }

  async replicas(name: string): ReturnType<Platform['replicas']> {
    const states = await this.#options.supervisor.status(await this.#names(name));
    const memory = await residentMemory(states.flatMap(({ pid }) => pid ?? []));
    return states.map(({ name: replica, pid }) => ({
      name: replica,
      running: pid !== undefined,
      rss: memory.get(pid ?? -1) ?? 0,
    }));
  }

  /** The services of a workload's replicas, in order. */
  async #names(workload: string): Promise<string[]> {
    const pattern = new RegExp(`^${workload}-\\d+$`);
    const names = (await this.#options.supervisor.names()).filter((name) => pattern.test(name));
    return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  }
}

/** Stable, as a StatefulSet's pods are: it is the replica's identity in leader elections. */
function replicaName(workload: string, index: number): string {
  return `${workload}-${index + 1}`;
}

function metricsOffset(workload: string): number {
  const position = WORKLOADS.findIndex((name) => name === workload);
  if (position < 0) throw new Error(`no metrics port is set aside for ${workload}`);
  return position === 0 ? 0 : MAX_KYVERNO_REPLICAS + position - 1;
}

function nameOf(deployment: V1Deployment): string {
  return deployment.metadata?.name ?? '';
}

interface PodFields {
  readonly replica: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** A container's environment with the downward API's fields filled in as a kubelet would. */
function environment(container: V1Container, pod: PodFields): Record<string, string> {
  return Object.fromEntries((container.env ?? []).map((variable) => [variable.name, valueOf(variable, pod)]));
}

function valueOf(variable: V1EnvVar, pod: PodFields): string {
  const field = variable.valueFrom?.fieldRef?.fieldPath;
  if (field === undefined) return variable.value ?? '';
  const values: Readonly<Record<string, string>> = {
    'metadata.name': pod.replica,
    'metadata.namespace': pod.namespace,
    'spec.serviceAccountName': pod.serviceAccount,
    'status.podIP': LOOPBACK,
  };
  const value = values[field];
  if (value === undefined)
    throw new Error(`${variable.name} refers to the pod field ${field}, which a process has not`);
  return value;
}

/** Where logs and data of a workload's process are kept is the supervisor's matter; this only names its directory. */
export function serviceAccountFile(directory: string, namespace: string, serviceAccount: string): string {
  return path.join(directory, `${namespace}.${serviceAccount}.kubeconfig`);
}
