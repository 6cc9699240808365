#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import { main, option } from '../lib/cli.ts';
import { Failure } from '../lib/errors.ts';
import { formatBytes } from '../lib/sizes.ts';

await main({
  name: 'npm run doctor --',
  description: 'Looks at this machine: whether `up` can work, what it will build, and what is missing.',
  options: [
    option('--profile <name>', 'for a cluster of which profile').default('current'),
    new Option('--prune', 'remove what no cluster needs: caches of builds, programs of old versions, images'),
  ],
  examples: ['npm run doctor', 'npm run doctor -- --prune', 'npm run doctor -- --json'],
  schema: z.object({ profile: z.string(), prune: z.boolean().default(false) }),
  async run({ profile, prune }, context) {
    const { output } = context;
    const doctor = await import('../cluster/doctor.ts');
    if (prune) {
      const removed = await doctor.prune(context);
      const bytes = removed.reduce((sum, entry) => sum + entry.bytes, 0);
      output.event('pruned', { bytes, removed });
      for (const entry of removed) output.print(`Removed ${entry.path} (${formatBytes(entry.bytes)})`);
      output.print(bytes === 0 ? 'There was nothing to remove.' : `${formatBytes(bytes)} are free again.`);
      return;
    }
    const diagnosis = await doctor.examine(profile, context);
    output.event('doctor', { ...diagnosis });
    for (const line of doctor.renderDiagnosis(diagnosis, output)) output.print(line);
    if (diagnosis.ready) return;
    const missing = diagnosis.checks.filter(({ status }) => status === 'missing');
    throw new Failure({
      kind: 'environment',
      what: '`up` cannot work on this machine yet',
      why: missing.map(({ title, says }) => `${title}: ${says}`).join('\n'),
      hint: missing.map(({ hint }) => hint ?? '').join('\n'),
    });
  },
});
