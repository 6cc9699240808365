import { describeProblem, lint } from '../../components/kyverno/index.ts';
import { columns } from '../../lib/columns.ts';
import { Failure } from '../../lib/errors.ts';
import type { Step } from '../../lib/steps.ts';
import { judge, LIMITS, takeSample } from './health.ts';
import type { Migration } from './migration.ts';
import { cellsOf, findOffenders, type Findings } from './offenders.ts';

/** Nothing is begun on a control plane that is not well. */
export const healthy: Step<Migration> = {
  id: 'migrate.healthy',
  title: 'The control plane is healthy',
  async run({ cluster, client, context }) {
    const sample = await takeSample(cluster, client, context);
    const reasons = judge(sample, LIMITS);
    if (reasons.length === 0) return `admission of a pod in ${Math.round(Number(sample.admission))} ms`;
    throw new Failure({
      kind: 'cluster',
      what: 'The control plane is not fit for the next stage',
      why: reasons.join('\n'),
      hint: 'Look at `npm run status`, and run the command again.',
    });
  },
};

/** Each literal of the template is one of the API, and each rule does what it is for. */
export const linted: Step<Migration> = {
  id: 'migrate.lint',
  title: "The template of the tools' policy",
  async run({ cluster, options, state, context }, progress) {
    if (!options.lint) return 'not checked';
    const { profile: policy, file } = state.policy;
    const { problems, trial } = await lint({ policy, file }, cluster, context, progress);
    const failed = [
      ...problems.map(describeProblem),
      ...(trial?.failed ?? []).map(({ about, problem }) => `${about}: ${problem}`),
    ];
    if (failed.length === 0)
      return `${policy}: each value is one of the API, ${trial?.pairs ?? 0} pairs of pods fare well`;
    throw new Failure({
      kind: 'usage',
      what: 'The template would refuse pods that it should admit, or the other way round',
      why: failed.join('\n'),
      hint: 'Nothing was applied. Mend the template, or see what it would do with --no-lint.',
    });
  },
};

/** Nothing is enforced that would refuse what runs. */
export const noOffenders: Step<Migration> = {
  id: 'migrate.no-offenders',
  title: "Nothing in Kyverno's reports",
  async run(migration) {
    const findings = await findOffenders(migration.client, await migration.selectedUids());
    if (migration.options.ignoreReports) return `${findings.offenders.length} things, ignored`;
    refuseOffenders(findings);
    return `${findings.pods} pods`;
  },
};

/** @throws Failure `incomplete` while pods break the policy */
export function refuseOffenders({ offenders, mendable }: Findings): void {
  if (offenders.length === 0) return;
  throw new Failure({
    kind: 'incomplete',
    what: `${offenders.length} ${offenders.length === 1 ? 'thing keeps' : 'things keep'} the policy from being enforced`,
    why: columns(offenders.map(cellsOf)).join('\n'),
    hint:
      mendable.length > 0
        ? '`npm run migrate -- next --fix` mends the templates of Deployments and CronJobs, and restarts Deployments.'
        : 'Nothing of this can be mended here: do what the last column says, and run the command again.',
  });
}
