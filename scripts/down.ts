#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'npm run down --',
  description: 'Ends a cluster and removes everything that was made for it.',
  examples: ['npm run down', 'npm run down -- --name second'],
  schema: z.object({ name: clusterName }),
  async run({ name }, context) {
    const { down } = await import('../components/down.ts');
    await down(name, context);
  },
});
