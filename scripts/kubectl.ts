#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'npm run kubectl --',
  description: "Runs the pinned kubectl with the cluster's own kubeconfig.",
  arguments: [['[args...]', 'everything for kubectl, as you know it']],
  passThrough: true,
  examples: ['npm run kubectl -- get pods -A', 'npm run kubectl -- --name second get nodes'],
  foreground: true,
  schema: z.object({ name: clusterName, args: z.array(z.string()).default([]) }),
  async run({ name, args }, context) {
    const { openCluster } = await import('../cluster/open.ts');
    const cluster = await openCluster(name, context);
    const kubectl = await cluster.program('kubectl');
    const own = { KUBECONFIG: cluster.kubeconfig };
    process.exitCode = await context.runner.attach(kubectl, args, { env: own });
  },
});
