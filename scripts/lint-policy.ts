#!/usr/bin/env node
import { Option } from 'commander';
import { z } from 'zod';
import { clusterName, POLICY_PROFILES } from '../cluster/spec.ts';
import { main } from '../lib/cli.ts';

await main({
  name: 'npm run lint-policy --',
  description:
    'Checks a template of the account policy before it is applied: each value against the API of the cluster, then each rule with a pod that it should admit and one that it should refuse.',
  options: [
    new Option('--policy <template>', 'which template: psp or toolforge').default('toolforge'),
    new Option('--file <file>', 'another text of that template'),
  ],
  examples: ['npm run lint-policy', 'npm run lint-policy -- --policy psp --file edited.yaml'],
  schema: z.object({
    name: clusterName,
    policy: z.enum(POLICY_PROFILES, `must be ${POLICY_PROFILES.join(' or ')}`),
    file: z.string().optional(),
  }),
  async run({ name, ...request }, context) {
    const { openCluster } = await import('../cluster/open.ts');
    const { describeProblem, lint } = await import('../components/kyverno/lint/index.ts');
    const { Failure } = await import('../lib/errors.ts');
    const { runStep } = await import('../lib/steps.ts');
    const { output } = context;
    const cluster = await openCluster(name, context);
    const result = await runStep(
      'lint',
      'Check each value, and try each rule',
      (progress) => lint(request, cluster, context, progress),
      context,
    );
    output.event('lint', { ...result });
    for (const problem of result.problems) output.print(`${problem.rule}: ${describeProblem(problem)}`);
    for (const { about, problem } of result.trial?.failed ?? []) output.print(`${about}: ${problem}`);
    const wrong = result.problems.length + (result.trial?.failed.length ?? 0);
    if (wrong > 0) {
      throw new Failure({
        kind: 'usage',
        what: `${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong with the policy`,
        hint: 'Nothing was applied.',
      });
    }
    output.print(
      `Every value is one of Kubernetes ${result.kubernetes}; ${result.trial?.pairs ?? 0} pairs of pods fared as they should.`,
    );
  },
});
