import path from 'node:path';
import { LOOPBACK } from '../keys.ts';
import type { BalancedService, Endpoint } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';
import { MAX_KYVERNO_REPLICAS, type ClusterSpec } from '../spec.ts';

/** Offsets in the block. */
const OFFSETS = {
  etcdClient: 0,
  etcdPeer: 1,
  controllerManager: 2,
  scheduler: 3,
  kwok: 4,
  apiserver: 5, // one for each control plane: 5, 6, 7
  ldap: 10,
  maintainKubeusers: 11,
  services: 12, // HAProxy's frontends for the platform's Services
  replicas: 20, // where the replicas behind them listen: ten for each Service
  metrics: 60, // metrics of the platform's processes
} as const;

/** The platform's Services that have webhooks, in the order of their ports. */
const SERVICES = ['kyverno-svc', 'kyverno-cleanup-controller'] as const;

export function port(record: ClusterRecord, use: keyof typeof OFFSETS, index = 0): number {
  return record.basePort + OFFSETS[use] + index;
}

/** The API servers' endpoints: `control-plane-1` … */
export function apiserverEndpoints(record: ClusterRecord): Endpoint[] {
  return Array.from({ length: record.spec.controlPlanes }, (_, index) => ({
    name: `control-plane-${index + 1}`,
    host: LOOPBACK,
    port: port(record, 'apiserver', index),
  }));
}

/** What HAProxy does here in place of kube-proxy: one frontend for each Service with webhooks. */
export function balancedServices(record: ClusterRecord): BalancedService[] {
  return SERVICES.map((name, service) => ({
    name,
    port: port(record, 'services', service),
    // Not readiness: for that, Kyverno reads two Secrets from the API server at every check.
    healthPath: '/health/liveness',
    servers: Array.from({ length: replicasOf(name, record.spec) }, (_, index) => ({
      name: `${name}-${index + 1}`,
      host: LOOPBACK,
      port: replicaPort(record, name, index),
    })),
  }));
}

export function replicaPort(record: ClusterRecord, service: string, index: number): number {
  const position = SERVICES.findIndex((name) => name === service);
  if (position < 0) throw new Error(`no ports are set aside for the Service ${service}`);
  return port(record, 'replicas', position * MAX_KYVERNO_REPLICAS + index);
}

function replicasOf(service: (typeof SERVICES)[number], spec: ClusterSpec): number {
  return service === 'kyverno-svc' ? spec.kyvernoReplicas : 1;
}

/** Files and directories below the cluster's own. */
export function layout(directory: string) {
  return {
    etcdData: path.join(directory, 'etcd'),
    config: path.join(directory, 'config'),
    kubeconfigs: path.join(directory, 'kubeconfigs'),
  };
}
