import { policiesTakenUp, SAMPLE, shareTakenUp } from '../../components/kyverno/index.ts';
import { writeRollOut } from '../../components/maintain-kubeusers/index.ts';
import { removePlatformPolicy } from '../../components/pod-security-policy/index.ts';
import { writeGeneration } from '../../components/workloads/index.ts';
import { POD_SECURITY_POLICIES, type KubeObject } from '../../lib/kube/types.ts';
import type { Step } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { refuseOffenders } from './gates.ts';
import type { Migration } from './migration.ts';
import { findOffenders, isReplaced, mend, type Findings } from './offenders.ts';
import { regenerate } from './workloads.ts';

const REPORTS_MS = 180_000;
/** Kyverno 1.12 brings three to seven policies a second up to date, each of them twice. */
const TAKEN_UP_MS = 40 * 60_000;

/** Stage 1: what `webservice` and `toolforge-jobs` write from now on, for all tools. */
export const generators = (which: 'next' | 'before'): Step<Migration> => ({
  id: 'migrate.generators',
  title: 'What webservice and the jobs framework write',
  async run({ cluster, options }) {
    const generation = which === 'before' ? 'before' : options.generation;
    await writeGeneration(cluster.directory, generation);
    return generation === 'before' ? 'no security context' : `the explicit security context`;
  },
});

/** Stage 1: what they made before is brought to it. */
export const workloads = (which: 'next' | 'before'): Step<Migration> => ({
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

/** Stages 2 and 4: the policy of each tool, share by share. */
export const policy = (action: 'Audit' | 'Enforce'): Step<Migration> => ({
  id: `migrate.policy.${action.toLowerCase()}`,
  title: `A policy for each tool, ${action}`,
  run: (migration, progress) => migration.rollOutPolicy(action, progress),
});

/** Stages 2 and 4: what all tools have now becomes the cluster's own setting. */
export const settle = (action: 'Audit' | 'Enforce'): Step<Migration> => ({
  id: 'migrate.settle',
  title: "The cluster's own setting",
  async run(migration, progress) {
    if (migration.options.tools !== undefined) return 'left alone, for a part of the tools';
    await migration.settle(migration.choice(action), progress);
    return `${migration.state.policy.profile}, ${action}`;
  },
});

/** Stage 4: until Kyverno acts on each of them, pods pass that a policy forbids. */
export const inForce: Step<Migration> = {
  id: 'migrate.in-force',
  title: 'Every policy taken up by Kyverno',
  async run({ client, context }, progress) {
    const { all } = await waitFor(
      'Kyverno to take up every policy',
      async () => {
        const sample = await policiesTakenUp(client, SAMPLE);
        progress.update(shareTakenUp(sample));
        if (sample.ready < sample.all) return undefined;
        const { ready, all } = await policiesTakenUp(client);
        return ready === all ? { all } : undefined;
      },
      { clock: context.clock, signal: context.signal, timeoutMs: TAKEN_UP_MS, maxPauseMs: 5_000 },
    );
    return `${all}`;
  },
};

/** The way back from stages 2 and 4. */
export const rollBack = (to: 'Audit' | 'before'): Step<Migration> => ({
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

/** Stage 3: waits until each pod is judged, mends what it may, and names what is left. */
export const reports: Step<Migration> = {
  id: 'migrate.reports',
  title: "Kyverno's reports on the pods that run",
  async run(migration, progress) {
    const { client, options, context } = migration;
    const uids = await migration.selectedUids();
    const mended = new Set<string>();
    let last: Findings | undefined;
    const wait = {
      clock: context.clock,
      signal: context.signal,
      timeoutMs: REPORTS_MS,
      maxPauseMs: 3_000,
      explain: () => Promise.resolve(last === undefined ? '' : whatIsLeft(last)),
    };
    const findings = await waitFor(
      'a report on every pod of the tools',
      async () => {
        last = await findOffenders(client, uids);
        progress.update(`${last.pods - last.unjudged.length} of ${last.pods} pods`);
        if (last.unjudged.length > 0) return undefined;
        if (options.fix && (await mend(client, last, mended, context.clock.now())) > 0) return undefined;
        // What was mended still has pods of before for a moment.
        return isReplaced(last, mended) ? last : undefined;
      },
      wait,
    );
    for (const offender of findings.offenders) context.output.event('offender', { ...offender });
    if (options.ignoreReports) return `${findings.pods} pods; ${findings.offenders.length} things, ignored`;
    refuseOffenders(findings);
    return `${findings.pods} pods, no offenders${mended.size === 0 ? '' : `; mended: ${mended.size}`}`;
  },
};

/** For who waited in vain: pods that nobody judged, or what fails yet although it was mended. */
function whatIsLeft({ unjudged, offenders }: Findings): string {
  return unjudged.length > 0
    ? `no report yet on ${unjudged.slice(0, 5).join(', ')}`
    : `still against the policy: ${offenders
        .slice(0, 5)
        .map(({ tool, workload, field }) => `${workload} of ${tool} (${field})`)
        .join(', ')}`;
}

/** Stage 5: whether the API servers load the plugin; they restart one after the other. */
export const plugin = (on: boolean): Step<Migration> => ({
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

/** The way back from stage 5 begins with it. */
export const giveBack: Step<Migration> = {
  id: 'migrate.psps.make',
  title: 'A PodSecurityPolicy for each tool again',
  async run(migration, progress) {
    // First: with the plugin and without a policy, every pod would be refused.
    await migration.makePodSecurityPolicies(progress);
    return undefined;
  },
};

/** Stage 5: what is left of PodSecurityPolicy goes. */
export const psps: Step<Migration> = {
  id: 'migrate.psps',
  title: 'Every PodSecurityPolicy gone',
  async run({ client, context }, progress) {
    await removePlatformPolicy(client);
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
