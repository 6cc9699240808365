#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'npm run reset --',
  description: 'Takes a cluster back to how its first `up` left it, in seconds.',
  examples: ['npm run reset', 'npm run reset -- --name second'],
  schema: z.object({ name: clusterName }),
  async run({ name }, context) {
    const { reset } = await import('../components/reset.ts');
    await reset(name, context);
  },
});
