import type { ClusterRecord } from '../../../cluster/record.ts';

/** The record of a cluster named `c`. */
export function recordOf(controlPlanes: number): ClusterRecord {
  return {
    version: 1,
    id: '0',
    basePort: 20_000,
    createdAt: '2026-01-01T00:00:00Z',
    ready: false,
    spec: {
      name: 'c',
      provider: 'kind',
      profile: 'current',
      controlPlanes,
      healthCheck: 'healthz',
      kyvernoReplicas: 1,
      apiPort: 6443,
      statsPort: 8404,
    },
  };
}
