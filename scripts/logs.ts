#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main, option } from '../lib/cli.ts';

await main({
  name: 'npm run logs --',
  description: 'Shows the log of a component, or names the components that have one.',
  arguments: [['[component]', 'such as kube-apiserver-1, haproxy, kyverno-admission-controller-1']],
  options: [
    option('-f, --follow', 'go on with what is added'),
    option('-n, --lines <count>', 'how many lines from the end').default('100'),
  ],
  examples: ['npm run logs', 'npm run logs -- kube-apiserver-1 -f'],
  foreground: true,
  schema: z.object({
    name: clusterName,
    component: z.string().optional(),
    follow: z.boolean().default(false),
    lines: z.coerce.number('must be a number').int().positive('must be at least 1'),
  }),
  async run({ name, component, follow, lines }, context) {
    const { showLogs } = await import('../cluster/logs.ts');
    await showLogs(name, { component, follow, lines }, context);
  },
});
