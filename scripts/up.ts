#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import {
  clusterName,
  HA_CONTROL_PLANES,
  kyvernoVersion,
  MAX_KYVERNO_REPLICAS,
  POLICY_ACTIONS,
  POLICY_PROFILES,
} from '../cluster/spec.ts';
import { main, option } from '../lib/cli.ts';
import { memoryQuantity } from '../lib/sizes.ts';

const port = z.coerce
  .number('must be a port number')
  .int('must be a port number')
  .min(1024, 'must be at least 1024')
  .max(65535, 'must be at most 65535');

const replicas = z.coerce
  .number('must be a number')
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(MAX_KYVERNO_REPLICAS, `must be at most ${MAX_KYVERNO_REPLICAS}`);

await main({
  name: 'npm run up --',
  description:
    'Brings a Toolforge control plane up, or brings an existing one to what is asked for. What is not asked for stays as it is.',
  options: [
    option(
      '--provider <provider>',
      'embedded (plain processes), kind (nodes in containers), or auto (the default)',
    ),
    option(
      '--profile <profile>',
      'versions and settings: a file of cluster/profiles (a new cluster: current)',
    ),
    option('--ha', `${HA_CONTROL_PLANES} control planes, as production has`),
    new Option('--no-ha', 'one control plane (a new cluster has one)'),
    option(
      '--health-check <check>',
      "HAProxy's check of the API servers: healthz, or tcp as before the outage (a new cluster: healthz)",
    ),
    option(
      '--control-plane-memory <size>',
      'memory limit for each control-plane machine, such as 2Gi; none takes it away',
    ),
    option(
      '--kyverno-replicas <count>',
      `admission replicas, 1 to ${MAX_KYVERNO_REPLICAS}; production has 7 (a new cluster: 1)`,
    ),
    option(
      '--kyverno <version>',
      "Kyverno's version; another one than the cluster has is an upgrade (a new cluster: its profile's)",
    ),
    option(
      '--kyverno-limits',
      "production's requests and limits for Kyverno's pods; on kind only (a new cluster: none)",
    ),
    new Option('--no-kyverno-limits', 'without them again'),
    option(
      '--account-policy <template>',
      "the Kyverno policy of each tool: toolforge (production's), psp (as PodSecurityPolicy was) or none (a new cluster: its profile's)",
    ),
    option(
      '--policy-action <action>',
      "what it does with pods that break it: Audit or Enforce (a new cluster: its profile's)",
    ),
    option(
      '--kubeusers-settings <file>',
      'quota overrides, key algorithm and the like for maintain-kubeusers, as YAML; none takes them away',
    ),
    option('--api-port <port>', 'where HAProxy serves the API (a new cluster: 6443)'),
    option('--stats-port <port>', "where HAProxy's statistics are (a new cluster: 8404)"),
    option(
      '--merge-kubeconfig',
      'also add the cluster to your own kubeconfig, as `kind create cluster` does',
    ),
  ],
  examples: [
    'npm run up',
    'npm run up -- --ha --control-plane-memory 2Gi',
    'npm run up -- --profile 2024',
    'npm run up -- --name second --api-port 7443 --stats-port 9404',
  ],
  schema: z.object({
    name: clusterName,
    provider: z.enum(['auto', 'embedded', 'kind'], 'must be auto, embedded or kind').optional(),
    profile: z.string().optional(),
    ha: z.boolean().optional(),
    healthCheck: z.enum(['healthz', 'tcp'], 'must be healthz or tcp').optional(),
    controlPlaneMemory: z
      .union([z.literal('none'), memoryQuantity], 'must be an amount such as 2Gi, or none')
      .optional(),
    kyvernoReplicas: replicas.optional(),
    kyverno: kyvernoVersion.optional(),
    kyvernoLimits: z.boolean().optional(),
    accountPolicy: z
      .enum([...POLICY_PROFILES, 'none'], `must be ${POLICY_PROFILES.join(', ')} or none`)
      .optional(),
    policyAction: z.enum(POLICY_ACTIONS, 'must be Audit or Enforce').optional(),
    kubeusersSettings: z.string().min(1).optional(),
    apiPort: port.optional(),
    statsPort: port.optional(),
    mergeKubeconfig: z.boolean().default(false),
  }),
  async run(options, context) {
    const { up } = await import('../components/up.ts');
    await up(options, context);
  },
});
