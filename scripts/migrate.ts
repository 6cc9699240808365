#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import { clusterName, POLICY_PROFILES } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

const ACTIONS = ['status', 'next', 'back'] as const;

/** `10%`, or names with commas between them. */
const selection = z
  .string()
  .regex(
    /^(\d{1,2}(\.\d+)?%|[a-z0-9][-a-z0-9]*(,[a-z0-9][-a-z0-9]*)*)$/,
    'must be a percentage such as 10%, or names of tools with commas between them',
  )
  .transform((text) =>
    text.endsWith('%')
      ? { percent: Number(text.slice(0, -1)), tools: [] }
      : { percent: 0, tools: text.split(',') },
  );

await main({
  name: 'npm run migrate --',
  description:
    'Replays the migration of 2024 from PodSecurityPolicy to Kyverno on a cluster of the profile 2024: five stages, each behind a gate, each undone by `back`.',
  arguments: [
    ['[action]', 'status (the default), next: the gate of the next stage and the stage, back: undo the last'],
  ],
  options: [
    new Option('--tools <selection>', 'a part first: 10%, or names of tools with commas between them'),
    new Option('--policy <template>', 'toolforge (the default), or psp: as PodSecurityPolicy was'),
    new Option('--template <file>', 'another text of that template; it is copied'),
    new Option('--no-lint', 'apply the template without checking it first'),
    new Option('--ignore-reports', 'stages 3 and 4: go on although pods break the policy'),
    new Option('--fix', 'stage 3: mend the templates of workloads that break the policy'),
    new Option(
      '--generation <generation>',
      'stage 1: what the generators write: explicit, or default-proc-mount as in 2024',
    ).default('explicit'),
  ],
  examples: [
    'npm run up -- --name before --profile 2024',
    'npm run migrate -- --name before',
    'npm run migrate -- next --name before --tools 10%',
    'npm run migrate -- next --name before --fix',
    'npm run migrate -- back --name before',
  ],
  schema: z
    .object({
      name: clusterName,
      action: z.enum(ACTIONS, 'must be status, next or back').default('status'),
      tools: selection.optional(),
      policy: z.enum(POLICY_PROFILES, `must be ${POLICY_PROFILES.join(' or ')}`).optional(),
      template: z.string().optional(),
      lint: z.boolean().default(true),
      fix: z.boolean().default(false),
      ignoreReports: z.boolean().default(false),
      generation: z.enum(['explicit', 'default-proc-mount'], 'must be explicit or default-proc-mount'),
    })
    .superRefine(({ action, tools, template, fix }, context) => {
      if (action === 'next') return;
      const asked = { tools: tools !== undefined, template: template !== undefined, fix };
      for (const [option, given] of Object.entries(asked))
        if (given) context.addIssue({ code: 'custom', path: [option], message: 'goes with `next` only' });
    }),
  async run({ name, action, ...options }, context) {
    const { migrationStatus, nextStage, previousStage } = await import('../lab/migrate/run.ts');
    const { renderStatus } = await import('../lab/migrate/render.ts');
    const { output } = context;
    if (action === 'back') {
      const undone = await previousStage(name, context);
      output.event('undone', undone);
      output.print(`Stage ${undone.number} is undone.`);
    } else if (action === 'next') {
      const stage = await nextStage(name, options, context);
      output.event('stage', stage);
      output.print(
        stage.done
          ? `Stage ${stage.number} is done.`
          : `Stage ${stage.number} is done for a part of the tools; \`next\` without --tools does the rest.`,
      );
    } else {
      const status = await migrationStatus(name, context);
      output.event('migration', { ...status });
      for (const line of renderStatus(status, output)) output.print(line);
    }
  },
});
