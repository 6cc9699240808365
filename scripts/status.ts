#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'npm run status --',
  description: 'Shows a cluster on one screen. Exits with 4 when something of it does not work.',
  examples: ['npm run status', 'npm run status -- --json'],
  schema: z.object({ name: clusterName }),
  async run({ name }, context) {
    const { readStatus } = await import('../components/status.ts');
    const { renderStatus } = await import('../components/status-screen.ts');
    const status = await readStatus(name, context);
    for (const line of renderStatus(status, context.output)) context.output.print(line);
    context.output.event('status', { ...status });
    if (!status.healthy) process.exitCode = 4;
  },
});
