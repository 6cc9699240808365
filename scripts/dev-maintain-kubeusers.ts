#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'npm run dev:maintain-kubeusers --',
  description:
    'Runs maintain-kubeusers in this terminal, and anew at each edit of its sources. Ctrl-C hands over to the service again.',
  examples: ['npm run dev:maintain-kubeusers', 'npm run dev:maintain-kubeusers -- --name second'],
  foreground: true,
  schema: z.object({ name: clusterName }),
  async run({ name }, context) {
    const { openCluster } = await import('../cluster/open.ts');
    const { runWhileEdited } = await import('../components/maintain-kubeusers/index.ts');
    process.exitCode = await runWhileEdited(await openCluster(name, context), context);
  },
});
