#!/usr/bin/env node
import { z } from 'zod';
import { clusterName } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

const ACTIONS = ['list', 'save', 'restore', 'delete'] as const;

await main({
  name: 'npm run snapshot --',
  description:
    'Saves all that a cluster knows (etcd, LDAP, homes, how far a migration is) under a name, and takes the cluster back to it.',
  arguments: [
    ['[action]', 'list (the default), save, restore or delete'],
    ['[snapshot]', 'its name'],
  ],
  examples: [
    'npm run snapshot -- save full',
    'npm run snapshot -- restore full',
    'npm run snapshot',
    'npm run snapshot -- delete full --name second',
  ],
  schema: z
    .object({
      name: clusterName,
      action: z.enum(ACTIONS, `must be ${ACTIONS.slice(0, -1).join(', ')} or delete`).default('list'),
      snapshot: clusterName.optional(),
    })
    .superRefine(({ action, snapshot }, context) => {
      if (action === 'list' || snapshot !== undefined) return;
      context.addIssue({ code: 'custom', path: ['snapshot'], message: `${action} needs a name` });
    }),
  async run({ name, action, snapshot = '' }, context) {
    const { deleteSnapshot, listSnapshots, restoreSnapshot, saveSnapshot } =
      await import('../components/snapshot.ts');
    const { output } = context;
    if (action === 'restore') return restoreSnapshot(name, snapshot, context);
    if (action === 'save') await saveSnapshot(name, snapshot, context);
    if (action === 'delete') await deleteSnapshot(name, snapshot, context);
    const { columns } = await import('../lib/columns.ts');
    const { formatBytes } = await import('../lib/sizes.ts');
    const all = await listSnapshots(name, context);
    output.event('snapshots', { snapshots: all });
    const rows = all.map(({ name: saved, savedAt, bytes }) => [saved, savedAt, formatBytes(bytes)]);
    if (rows.length === 0) output.print('No snapshots.');
    else for (const line of columns(rows)) output.print(line);
  },
});
