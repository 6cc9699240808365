import type { ClusterRecord } from '../cluster/record.ts';
import type { ClusterSpec } from '../cluster/spec.ts';

/** The record of a cluster that nobody made. */
export function recordOf(
  spec: Partial<ClusterSpec> = {},
  fields: Partial<Omit<ClusterRecord, 'spec'>> = {},
): ClusterRecord {
  return {
    version: 1,
    id: '0',
    basePort: 20_000,
    createdAt: '2026-01-01T00:00:00Z',
    ready: false,
    ...fields,
    spec: {
      name: 'toolforge',
      provider: 'embedded',
      profile: 'current',
      controlPlanes: 1,
      healthCheck: 'healthz',
      kyvernoReplicas: 1,
      apiPort: 6443,
      statsPort: 8404,
      ...spec,
    },
  };
}
