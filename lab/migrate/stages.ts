import { lint } from '../../components/kyverno/index.ts';
import { writeRollOut } from '../../components/maintain-kubeusers/index.ts';
import { PRIVILEGED_PSP } from '../../components/pod-security-policy/index.ts';
import { writeGeneration } from '../../components/workloads/index.ts';
import { Failure } from '../../lib/errors.ts';
import { isNotFound } from '../../lib/kube/errors.ts';
import {
  CLUSTER_ROLES,
  POD_SECURITY_POLICIES,
  ROLE_BINDINGS,
  type KubeObject,
} from '../../lib/kube/types.ts';
import type { Plan, Step } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { judge, LIMITS, takeSample } from './health.ts';
import type { Migration } from './migration.ts';
import { findOffenders, mend, type Findings } from './offenders.ts';
import { regenerate } from './workloads.ts';

/** The one policy of each tool. */
export const POLICY_NAME = 'toolforge-kyverno-pod-policy';
const REPORTS_MS = 180_000;

/** One stage of the migration of 2024 (TOOLFORGE.md, section 2), as what is done, and undone. */
export interface Stage {
  readonly title: string;
  /** What has to hold before. */
  readonly gate: Plan<Migration>;
  readonly forward: Plan<Migration>;
  readonly back: Plan<Migration>;
  /** Whether it can be done for a part of the tools. */
  readonly byTool: boolean;
}

const healthy: Step<Migration> = {
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

const linted: Step<Migration> = {
  id: 'migrate.lint',
  title: "The template of the tools' policy",
  async run({ cluster, options, state, context }) {
    if (!options.lint) return 'not checked';
    const { profile: policy, file } = state.policy;
    const { problems, trial } = await lint({ policy, file }, cluster, context);
    const failed = [
      ...problems.map(({ field, problem, instead }) =>
        instead === undefined ? `${field}: ${problem}` : `${field}: ${problem}; ${instead} was meant?`,
      ),
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

const noOffenders: Step<Migration> = {
  id: 'migrate.no-offenders',
  title: "Nothing in Kyverno's reports",
  async run(migration) {
    const findings = await findOffenders(migration.client, POLICY_NAME, await migration.selectedUids());
    if (migration.options.ignoreReports) return `${findings.offenders.length} things, ignored`;
    refuseOffenders(findings);
    return `${findings.pods} pods`;
  },
};

/** @throws Failure `incomplete` while pods break the policy */
function refuseOffenders({ offenders, mendable }: Findings): void {
  if (offenders.length === 0) return;
  throw new Failure({
    kind: 'incomplete',
    what: `${offenders.length} ${offenders.length === 1 ? 'thing keeps' : 'things keep'} the policy from being enforced`,
    why: table(offenders.map(({ tool, workload, field, value, fix }) => [tool, workload, field, value, fix])),
    hint:
      mendable.length > 0
        ? '`npm run migrate -- next --fix` mends the templates of Deployments and CronJobs.'
        : 'Nothing of this has a template: delete it, or make it anew, and run the command again.',
  });
}

/** Rows in columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const generators = (which: 'next' | 'before'): Step<Migration> => ({
  id: 'migrate.generators',
  title: 'What webservice and the jobs framework write',
  async run({ cluster, options }) {
    const generation = which === 'before' ? 'before' : options.generation;
    await writeGeneration(cluster.directory, generation);
    return generation === 'before' ? 'no security context' : `the explicit security context`;
  },
});

const workloads = (which: 'next' | 'before'): Step<Migration> => ({
  id: 'migrate.workloads',
  title: 'Workloads that they made before',
  async run(migration, progress) {
    const { client, options, context } = migration;
    const { changed, all } = await regenerate(client, {
      generation: which === 'before' ? 'before' : options.generation,
      uids: await migration.selectedUids(),
      signal: context.signal,
      onProgress: (done, of) => {
        progress.update(`${done} of ${of}`);
      },
    });
    return `${changed} of ${all} changed`;
  },
});

const policy = (action: 'Audit' | 'Enforce'): Step<Migration> => ({
  id: `migrate.policy.${action.toLowerCase()}`,
  title: `A policy for each tool, ${action}`,
  run: (migration, progress) => migration.rollOutPolicy(action, progress),
});

const settle = (action: 'Audit' | 'Enforce'): Step<Migration> => ({
  id: 'migrate.settle',
  title: "The cluster's own setting",
  async run(migration, progress) {
    if (migration.options.tools !== undefined) return 'left alone, for a part of the tools';
    await migration.settle(migration.choice(action), progress);
    return `${migration.state.policy.profile}, ${action}`;
  },
});

const rollBack = (to: 'Audit' | 'before'): Step<Migration> => ({
  id: 'migrate.roll-back',
  title: to === 'Audit' ? 'Back to Audit' : 'Back to what was before',
  run: (migration, progress) =>
    migration.rollBackTo(
      to === 'Audit' ? migration.choice('Audit') : (migration.state.before ?? 'none'),
      progress,
    ),
});

/** Takes back what was rolled out to a part of the tools. */
export const endRollOut: Step<Migration> = {
  id: 'migrate.end-roll-out',
  title: 'Back from the roll-out',
  run: (migration, progress) => migration.endRollOut(progress),
};

const reports: Step<Migration> = {
  id: 'migrate.reports',
  title: "Kyverno's reports on the pods that run",
  async run(migration, progress) {
    const { client, options, context } = migration;
    const uids = await migration.selectedUids();
    let mended = 0;
    let last: Findings | undefined;
    const wait = {
      clock: context.clock,
      signal: context.signal,
      timeoutMs: REPORTS_MS,
      maxPauseMs: 3_000,
      explain: () =>
        Promise.resolve(`no report yet on ${last?.unjudged.slice(0, 5).join(', ') ?? 'any pod'}`),
    };
    const findings = await waitFor(
      'a report on every pod of the tools',
      async () => {
        last = await findOffenders(client, POLICY_NAME, uids);
        progress.update(`${last.pods - last.unjudged.length} of ${last.pods} pods`);
        if (last.unjudged.length > 0) return undefined;
        if (options.fix && last.mendable.length > 0) {
          mended += await mend(client, last);
          return undefined;
        }
        // A template that was mended still has pods of before for a moment.
        return mended > 0 && last.offenders.length > 0 && last.offenders.some(byTemplate) ? undefined : last;
      },
      wait,
    );
    for (const offender of findings.offenders) context.output.event('offender', { ...offender });
    if (options.ignoreReports) return `${findings.pods} pods; ${findings.offenders.length} things, ignored`;
    refuseOffenders(findings);
    return `${findings.pods} pods, no offenders${mended === 0 ? '' : `; ${mended} templates mended`}`;
  },
};

const byTemplate = ({ workload }: { readonly workload: string }): boolean => !workload.startsWith('Pod/');

const plugin = (on: boolean): Step<Migration> => ({
  id: 'migrate.plugin',
  title: on
    ? 'PodSecurityPolicy, in the API servers and for each tool'
    : 'PodSecurityPolicy, out of the API servers',
  async run(migration, progress) {
    await migration.converge({ podSecurityPolicy: on }, progress);
    if (on) await writeRollOut(migration.cluster.directory, undefined);
    return undefined;
  },
});

const giveBack: Step<Migration> = {
  id: 'migrate.psps.make',
  title: 'A PodSecurityPolicy for each tool again',
  async run(migration, progress) {
    // First: with the plugin and without a policy, every pod would be refused.
    await migration.makePodSecurityPolicies(progress);
    return undefined;
  },
};

const psps: Step<Migration> = {
  id: 'migrate.psps',
  title: 'Every PodSecurityPolicy gone',
  async run({ client, context }, progress) {
    for (const [resource, namespace] of [
      [ROLE_BINDINGS, 'kube-system'],
      [CLUSTER_ROLES, undefined],
      [POD_SECURITY_POLICIES, undefined],
    ] as const) {
      await client.delete(resource, PRIVILEGED_PSP, namespace).catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
    }
    await waitFor(
      'maintain-kubeusers to delete them',
      async () => {
        const left = (await client.list<KubeObject>(POD_SECURITY_POLICIES)).length;
        progress.update(`${left} left`);
        return left === 0 ? true : undefined;
      },
      { clock: context.clock, signal: context.signal, timeoutMs: 600_000, maxPauseMs: 2_000 },
    );
    return 'Kubernetes can be upgraded';
  },
};

/** The five stages, in their order. */
export const STAGES: readonly Stage[] = [
  {
    title: 'The generators set an explicit security context',
    gate: [healthy],
    forward: [generators('next'), workloads('next')],
    back: [generators('before'), workloads('before')],
    byTool: true,
  },
  {
    title: 'A Kyverno policy for each tool, in Audit',
    gate: [linted, healthy],
    forward: [policy('Audit'), settle('Audit')],
    back: [rollBack('before')],
    byTool: true,
  },
  {
    title: 'The reports are watched, and offenders corrected',
    gate: [healthy],
    forward: [reports],
    back: [],
    byTool: false,
  },
  {
    title: 'The policies are enforced',
    gate: [noOffenders, healthy],
    forward: [policy('Enforce'), settle('Enforce')],
    back: [rollBack('Audit')],
    byTool: true,
  },
  {
    title: 'PodSecurityPolicy is dropped',
    gate: [healthy],
    forward: [plugin(false), psps],
    back: [giveBack, plugin(true)],
    byTool: false,
  },
];
