#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main, option } from '../lib/cli.ts';
import { DEFAULT_PREFIX, PREFIX } from '../seed/account-names.ts';
import { MAX_ADMINS, MAX_TOOLS } from '../seed/accounts/options.ts';

const toolName = z.string().min(1, 'must name a tool').optional();

const schema = z
  .object({
    name: clusterName,
    count: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(MAX_TOOLS, `must be at most ${MAX_TOOLS}`)
      .optional(),
    prefix: z.string().regex(PREFIX, 'must be lower-case letters, digits and dashes, at most 24 characters'),
    admins: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(0, 'must be at least 0')
      .max(MAX_ADMINS, `must be at most ${MAX_ADMINS}`),
    delete: z.boolean().default(false),
    malformed: z.boolean().default(false),
    wait: z.boolean().default(true),
    lock: toolName,
    unlock: toolName,
  })
  .superRefine(({ count, malformed, lock, unlock, ...options }, context) => {
    const locks = [lock, unlock].filter((tool) => tool !== undefined).length;
    const seeds = count !== undefined || malformed || options.delete;
    const complain = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    const one = lock === undefined ? 'unlock' : 'lock';
    if (locks > 1) complain(one, 'does not go with --unlock');
    if (locks > 0 && seeds) complain(one, 'goes with no count and no other flag');
    if (locks === 0 && !seeds) complain('count', 'is missing: how many accounts? As in `seed-accounts 4000`');
  });

await main({
  name: 'seed-accounts',
  description:
    'Makes tool accounts in LDAP, with groups, maintainers and admins, or takes them away. Run again, it goes on.',
  arguments: [
    ['[count]', `how many tools, at most ${MAX_TOOLS}; with --delete, how many of the first (all)`],
  ],
  options: [
    option('--prefix <prefix>', 'their names: <prefix>-0001 and so on').default(DEFAULT_PREFIX),
    option('--admins <count>', 'how many people become admins besides').default('2'),
    // Not from the environment: a variable must not turn a command into another.
    new Option('--delete', 'take them away; only what this command made'),
    new Option('--no-wait', 'do not wait until maintain-kubeusers has made of them what they need'),
    new Option('--malformed', 'a fixed zoo of broken entries, for testing what reads LDAP'),
    new Option('--lock <tool>', 'disable a tool, as production does'),
    new Option('--unlock <tool>', 'enable it again'),
  ],
  examples: [
    'seed-accounts 4000',
    'seed-accounts 4000 --delete',
    'seed-accounts --lock tf-test',
    'seed-accounts --malformed',
    'seed-accounts --malformed --delete',
  ],
  schema,
  async run(options, context) {
    const { requireRecord, clusterDirectory } = await import('../cluster/record.ts');
    const { ldapDirectory } = await import('../components/ldap/index.ts');
    await requireRecord(context.paths, options.name);
    const directory = ldapDirectory({ directory: clusterDirectory(context.paths, options.name) });
    const tool = options.lock ?? options.unlock;
    if (tool === undefined) {
      const { requestsOf, seedAccounts } = await import('../seed/accounts/index.ts');
      const { accountsInCluster } = await import('../seed/accounts/in-cluster.ts');
      const { openCluster } = await import('../cluster/open.ts');
      const inCluster = options.wait
        ? accountsInCluster(await openCluster(options.name, context), context)
        : undefined;
      const { refused, ...outcome } = await seedAccounts(directory, requestsOf(options), inCluster, context);
      context.output.event('summary', { ...outcome, refused: refused.length });
      return;
    }
    const { lockTool } = await import('../seed/accounts/lock.ts');
    await lockTool(directory, tool, options.lock !== undefined, context);
  },
});
