import { NODES, type KubeObject } from '../../lib/kube/types.ts';
import { PRODUCTION } from '../production.ts';
import type { Cluster } from '../provider.ts';

/** Enough pods for one of each of 4,000 tools; KWOK's pods cost memory in the API server only. */
const WORKERS = 4;
const PODS_PER_WORKER = '2000';

/** Registers worker nodes with production's labels; KWOK keeps them ready and runs their pods. */
export async function registerNodes(cluster: Cluster): Promise<string> {
  const client = await cluster.client();
  try {
    for (let index = 1; index <= WORKERS; index += 1) {
      await client.apply(NODES, workerNode(`${cluster.record.spec.name}-worker-${index}`));
    }
  } finally {
    await client.close();
  }
  return `${WORKERS} workers`;
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
