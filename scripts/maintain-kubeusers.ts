#!/usr/bin/env node
import path from 'node:path';
import { Option } from 'commander';
import { z } from 'zod';
import { clusterDirectory } from '../cluster/record.ts';
import { clusterName } from '../cluster/spec.ts';
import { main, option } from '../lib/cli.ts';

const flag = z.boolean().default(false);

await main({
  name: 'npm run maintain-kubeusers --',
  description:
    'Makes a namespace with all it needs of each account of LDAP, and keeps it so. `npm run up` runs it as a service.',
  options: [
    option('--config <file>', 'its configuration file (default: the one that `npm run up` wrote)'),
    // Not from the environment, where they would be forgotten.
    new Option('--once', 'one pass, then end'),
    new Option('--dry-run', 'print what would be done, and do nothing'),
    new Option('--verify', 'check everything that was made, files included, and have it repaired'),
    new Option(
      '--allow-mass-delete',
      'follow LDAP however many accounts it removes; with --once beside the service, let the service do so',
    ),
  ],
  examples: [
    'npm run maintain-kubeusers -- --dry-run',
    'npm run maintain-kubeusers -- --verify --dry-run',
    'npm run maintain-kubeusers -- --once --allow-mass-delete',
  ],
  schema: z.object({
    name: clusterName,
    config: z.string().optional(),
    once: flag,
    dryRun: flag,
    verify: flag,
    allowMassDelete: flag,
  }),
  async run({ name, config, ...options }, context) {
    const { configurationFile, runMaintainKubeusers } =
      await import('../components/maintain-kubeusers/index.ts');
    const { loadPolicyTemplate } = await import('../components/kyverno/policies/render.ts');
    await runMaintainKubeusers(
      {
        ...options,
        config: path.resolve(config ?? configurationFile(clusterDirectory(context.paths, name))),
        async loadPolicy({ profile, kyverno, file, background = false }) {
          const template = await loadPolicyTemplate(profile, kyverno, file);
          return ({ namespace, uid, home }, { action }) =>
            template({ namespace, uid, dataDirectory: home, action, background });
        },
      },
      context,
    );
  },
});
