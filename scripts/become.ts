#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'become',
  description: 'Opens a shell, or runs a command, as a tool: in its home, with its kubeconfig and kubectl.',
  arguments: [
    ['<tool>', 'the name of the tool'],
    ['[command...]', 'a program and its arguments, after `--` (default: a shell)'],
  ],
  examples: ['become tf-test', 'become tf-test -- kubectl get pods', 'become --name second tf-test'],
  foreground: true,
  schema: z.object({ name: clusterName, tool: z.string(), command: z.array(z.string()).default([]) }),
  async run({ name, tool, command }, context) {
    const { openCluster } = await import('../cluster/open.ts');
    const { becomeTool } = await import('../components/maintain-kubeusers/index.ts');
    process.exitCode = await becomeTool({ tool, command }, await openCluster(name, context), context);
  },
});
