#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import { clusterName, POLICY_PROFILES } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

const MAX_PODS = 1_000_000;

await main({
  name: 'npm run parity --',
  description:
    'Sends the same pods, as a tool, to a real PodSecurityPolicy and to a real Kyverno, and compares what becomes of them. Needs a cluster of the profile 2024. Fails when they differ for no known reason.',
  options: [
    new Option('--pods <count>', 'how many pods to generate').default('1000'),
    new Option('--seed <number>', 'the same seed gives the same pods').default('2024'),
    new Option(
      '--policy <template>',
      'the policy on the side of Kyverno: psp, or toolforge to see where production differs',
    ).default('psp'),
    new Option('--record <file>', 'write down what PodSecurityPolicy said, for clusters that have none'),
    new Option('--recorded <file>', 'compare with that, on any cluster; no pods are generated'),
  ],
  examples: [
    'npm run parity -- --name old',
    'npm run parity -- --pods 10000 --seed 7',
    'npm run parity -- --policy toolforge',
    'npm run parity -- --name old --record psp.jsonl && npm run parity -- --recorded psp.jsonl',
  ],
  schema: z.object({
    name: clusterName,
    pods: z.coerce
      .number('must be a number')
      .int('must be a whole number')
      .min(0, 'must not be negative')
      .max(MAX_PODS, `must be at most ${MAX_PODS}`),
    seed: z.coerce.number('must be a number').int('must be a whole number'),
    record: z.string().optional(),
    recorded: z.string().optional(),
    policy: z.enum(POLICY_PROFILES, `must be ${POLICY_PROFILES.join(' or ')}`),
  }),
  async run(options, context) {
    const { parity } = await import('../lab/parity/run.ts');
    const { parityEvent, renderParity } = await import('../lab/parity/render.ts');
    const report = await parity(options, context);
    context.output.event('parity', parityEvent(report));
    for (const line of renderParity(report)) context.output.print(line);
    if (options.policy !== 'psp' || report.unexplained === 0) return;
    const { Failure } = await import('../lib/errors.ts');
    throw new Failure({
      kind: 'incomplete',
      what: `${report.unexplained} of ${report.pods} pods fare differently under Kyverno, for no known reason`,
      hint: 'Mend components/kyverno/policies/psp.yaml, or give the reason in docs/psp-parity.md and lab/parity/explained.ts.',
    });
  },
});
