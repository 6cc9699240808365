import { ifFound } from '../../lib/kube/errors.ts';
import { LEASES, NODES, type KubeObject } from '../../lib/kube/types.ts';
import { PRODUCTION } from '../production.ts';
import type { Cluster } from '../provider.ts';
import { withClient } from '../with-client.ts';

/** Enough pods for one of each of 4,000 tools; KWOK's pods cost memory in the API server only. */
const WORKERS = 4;
const PODS_PER_WORKER = '2000';

/** Registers worker nodes with production's labels; KWOK keeps them ready and runs their pods. */
export async function registerNodes(cluster: Cluster): Promise<string> {
  await withClient(cluster, async (client) => {
    for (const name of workers(cluster)) await client.apply(NODES, workerNode(name));
  });
  return `${WORKERS} workers`;
}

/**
 * Takes the nodes from a KWOK that is gone: the next one has another name, and leaves nodes and their pods alone while
 * somebody else's lease of them lasts. For use before KWOK starts.
 */
export async function releaseNodes(cluster: Cluster): Promise<void> {
  await withClient(cluster, async (client) => {
    for (const name of workers(cluster)) await ifFound(client.delete(LEASES, name, 'kube-node-lease'));
  });
}

function workers({ record }: Cluster): string[] {
  return Array.from({ length: WORKERS }, (_, index) => `${record.spec.name}-worker-${index + 1}`);
}

function workerNode(name: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        ...PRODUCTION.nodeLabels,
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': process.arch === 'arm64' ? 'arm64' : 'amd64',
        type: 'kwok',
      },
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
    },
    status: {
      allocatable: { cpu: '256', memory: '1Ti', pods: PODS_PER_WORKER },
      capacity: { cpu: '256', memory: '1Ti', pods: PODS_PER_WORKER },
    },
  };
}
