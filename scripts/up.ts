#!/usr/bin/env node
import { z } from 'zod';
import { clusterName, HA_CONTROL_PLANES, MAX_KYVERNO_REPLICAS } from '../cluster/spec.ts';
import { main, option } from '../lib/cli.ts';
import { memoryQuantity } from '../lib/sizes.ts';

const port = z.coerce
  .number('must be a port number')
  .int('must be a port number')
  .min(1024, 'must be at least 1024')
  .max(65535, 'must be at most 65535');

await main({
  name: 'npm run up --',
  description: 'Brings up a Toolforge control plane, or brings an existing one to what is asked for.',
  options: [
    option('--provider <provider>', 'embedded (plain processes), kind (nodes in containers) or auto').default(
      'auto',
    ),
    option('--profile <profile>', 'versions and settings: a file of cluster/profiles').default('current'),
    option('--ha', `${HA_CONTROL_PLANES} control planes, as production has`),
    option(
      '--health-check <check>',
      "HAProxy's check of the API servers: healthz, or tcp as before the outage",
    ).default('healthz'),
    option('--control-plane-memory <size>', 'memory limit for each control-plane machine, such as 2Gi'),
    option(
      '--kyverno-replicas <count>',
      `admission replicas, 1 to ${MAX_KYVERNO_REPLICAS}; production has 7`,
    ).default('1'),
    option('--api-port <port>', 'where HAProxy serves the API').default('6443'),
    option('--stats-port <port>', "where HAProxy's statistics are").default('8404'),
    option(
      '--merge-kubeconfig',
      'also add the cluster to your own kubeconfig, as `kind create cluster` does',
    ),
  ],
  examples: [
    'npm run up',
    'npm run up -- --ha --control-plane-memory 2Gi',
    'npm run up -- --name second --api-port 7443 --stats-port 9404',
  ],
  schema: z.object({
    name: clusterName,
    provider: z.enum(['auto', 'embedded', 'kind'], 'must be auto, embedded or kind'),
    profile: z.string(),
    ha: z.boolean().default(false),
    healthCheck: z.enum(['healthz', 'tcp'], 'must be healthz or tcp'),
    controlPlaneMemory: memoryQuantity.optional(),
    kyvernoReplicas: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(MAX_KYVERNO_REPLICAS, `must be at most ${MAX_KYVERNO_REPLICAS}`),
    apiPort: port,
    statsPort: port,
    mergeKubeconfig: z.boolean().default(false),
  }),
  async run(options, context) {
    const { up } = await import('../components/up.ts');
    await up(options, context);
  },
});
