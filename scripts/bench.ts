#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main, option } from '../lib/cli.ts';
import { MAX_ACCOUNTS } from '../seed/account-names.ts';
import { MAX_TOOLS } from '../seed/accounts/options.ts';

await main({
  name: 'npm run bench --',
  description:
    'Measures this project beside what people would do instead, in one run, on a cluster of its own that is removed in the end.',
  options: [
    option('--name <cluster>', 'what to call that cluster').default('bench'),
    new Option('--policies <count>', 'how many policies to fill it with').default('1000'),
    new Option('--accounts <count>', 'how many accounts to make through LDAP').default('1000'),
    option('--ha', 'three control planes'),
  ],
  examples: [
    'npm run bench',
    'npm run bench -- --policies 4000 --accounts 4000',
    'npm run bench -- --ha',
    'npm run bench -- --json > bench.json',
  ],
  schema: z.object({
    name: clusterName,
    policies: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(MAX_ACCOUNTS, `must be at most ${MAX_ACCOUNTS}`),
    accounts: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(MAX_TOOLS, `must be at most ${MAX_TOOLS}`),
    ha: z.boolean().default(false),
  }),
  async run(options, context) {
    const { bench } = await import('../lab/bench/run.ts');
    const { renderResults } = await import('../lab/bench/render.ts');
    const results = await bench(options, context);
    context.output.event('bench', { results });
    for (const line of renderResults(results)) context.output.print(line);
  },
});
