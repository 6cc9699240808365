#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main, option } from '../lib/cli.ts';
import { DEFAULT_PREFIX, MAX_ACCOUNTS, PREFIX } from '../seed/account-names.ts';

const schema = z
  .object({
    name: clusterName,
    count: z.coerce
      .number('must be a number, as in `seed-policies 4000`')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(MAX_ACCOUNTS, `must be at most ${MAX_ACCOUNTS}`)
      .optional(),
    delete: z.boolean().default(false),
    prefix: z.string().regex(PREFIX, 'must be lower-case letters, digits and dashes, at most 24 characters'),
    action: z.enum(['Audit', 'Enforce'], 'must be Audit or Enforce'),
    background: z.boolean().default(false),
    autogen: z.boolean().default(false),
    singleNamespace: z.boolean().default(false),
    concurrency: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(200, 'must be at most 200'), // HAProxy admits 250 connections to each API server
    cold: z.boolean().default(false),
  })
  .superRefine((options, context) => {
    const complain = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if (options.count === undefined && !options.delete) {
      complain('count', 'is missing: how many policies? As in `seed-policies 4000`');
    }
    if (options.cold && options.delete) complain('cold', 'does not go with --delete');
  });

await main({
  name: 'seed-policies',
  description:
    'Makes made-up tool accounts with a namespace and a Kyverno policy each, or takes them away. Run again, it goes on.',
  arguments: [['[count]', 'how many accounts; with --delete, how many of the first (all)']],
  options: [
    // What one run is about is not taken from the environment: no variable turns a command into a deletion.
    new Option('--delete', 'delete them; only what this command made'),
    option('--prefix <prefix>', 'their names: <prefix>-0001 and so on').default(DEFAULT_PREFIX),
    option('--action <action>', 'what Kyverno does with pods that break a rule: Audit or Enforce').default(
      'Audit',
    ),
    new Option('--background', 'scan existing pods too; costs a great deal'),
    new Option('--autogen', 'let Kyverno derive rules for Deployments, Jobs and so on; costs a great deal'),
    new Option('--single-namespace', 'all policies in one namespace'),
    option('--concurrency <number>', 'accounts under way at once').default('16'),
    new Option('--cold', "stop Kyverno's admission meanwhile: the fast way to a full cluster"),
  ],
  examples: [
    'seed-policies 4000',
    'seed-policies 4000 --delete',
    'seed-policies 4000 --cold --action Enforce',
    'seed-policies 1200 --single-namespace --prefix crowd',
  ],
  schema,
  async run({ name, ...request }, context) {
    const { openCluster } = await import('../cluster/open.ts');
    const { renderSummary, seedPolicies } = await import('../seed/policies/index.ts');
    const cluster = await openCluster(name, context);
    await seedPolicies(cluster, request, context, (summary) => {
      context.output.event('summary', { ...summary });
      for (const line of renderSummary(summary)) context.output.print(line);
    });
  },
});
