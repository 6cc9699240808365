#!/usr/bin/env node
import path from 'node:path';
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'become',
  description:
    'Opens a shell, or runs a command, as a tool: in its home, with its kubeconfig, kubectl, webservice and toolforge-jobs.',
  arguments: [
    ['<tool>', 'the name of the tool'],
    ['[command...]', 'a program and its arguments, after `--` (default: a shell)'],
  ],
  examples: [
    'become tf-test',
    'become tf-test -- webservice python3.11 start',
    'become --name second tf-test',
  ],
  foreground: true,
  schema: z.object({ name: clusterName, tool: z.string(), command: z.array(z.string()).default([]) }),
  async run({ name, tool, command }, context) {
    const { openCluster } = await import('../cluster/open.ts');
    const { becomeTool } = await import('../components/maintain-kubeusers/index.ts');
    const { ensureGenerators } = await import('../components/workloads/index.ts');
    const cluster = await openCluster(name, context);
    const equipment = {
      checkout: path.join(import.meta.dirname, '..'),
      commands: ['webservice', 'toolforge-jobs'],
      generators: await ensureGenerators(cluster),
    };
    process.exitCode = await becomeTool({ tool, command, equipment }, cluster, context);
  },
});
