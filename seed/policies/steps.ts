import { admissionStandsStill, startAdmission, stopAdmission } from '../../components/kyverno/standstill.ts';
import { formatCount } from '../../lib/bulk-progress.ts';
import type { Plan, Step } from '../../lib/steps.ts';
import { planRemoval, type Removal } from './remove.ts';
import { makePlan, observe, type SeedPlan } from './plan.ts';
import type { SeedRun } from './run.ts';
import { deletePolicies, finishDeletion, writePolicies } from './work.ts';

/** Look, compare, write. */
export function seedPlan({ request }: SeedRun): Plan<SeedRun> {
  const count = request.count ?? 0;
  let plan: SeedPlan = { work: [], unchanged: 0, terminating: [], more: 0 };
  const write: Step<SeedRun> = {
    id: 'policies.write',
    title: `${formatCount(count)} policies, ${request.singleNamespace ? 'in one namespace' : 'each in its namespace'}`,
    run: (run, progress) => writePolicies(run, plan, progress),
  };
  const look: Step<SeedRun> = {
    id: 'policies.look',
    title: 'Compare with what is there',
    async run(run, progress) {
      const { client, template, tally } = run;
      const observed = await observe(client, request.prefix, 'everything');
      plan = makePlan(observed, { ...request, count }, template);
      tally.unchanged = plan.unchanged;
      await finishDeletion(run, plan, progress);
      const more = plan.more === 0 ? '' : `; ${formatCount(plan.more)} more stay`;
      return `${formatCount(plan.unchanged)} of ${formatCount(count)} are there${more}`;
    },
  };
  if (!request.cold) return [look, write];
  return [look, stopKyverno(() => plan.work.length > 0), write, startKyverno('with all of them')];
}

/** Look, delete. */
export function deletePlan({ request }: SeedRun): Plan<SeedRun> {
  let removal: Removal = { namespaces: [], policies: [] };
  return [
    {
      id: 'policies.look',
      title: 'Look what is there',
      async run({ client, tally }) {
        const observed = await observe(client, request.prefix, 'metadata');
        removal = planRemoval(observed, request);
        tally.asked = request.count ?? observed.policies.size;
        return `${formatCount(observed.policies.size)} policies of ours`;
      },
    },
    {
      id: 'policies.delete',
      title: 'Delete namespaces and policies',
      run: (run, progress) => deletePolicies(run, removal, progress),
    },
  ];
}

/** Stops Kyverno's admission, unless nothing would be written meanwhile. */
function stopKyverno(needed: () => boolean): Step<SeedRun> {
  return {
    id: 'kyverno.stop',
    title: "Stop Kyverno's admission",
    async run({ cluster, client }) {
      if (!needed()) return 'nothing to write';
      await stopAdmission(cluster, client);
      return undefined;
    },
  };
}

export function startKyverno(why: string): Step<SeedRun> {
  return {
    id: 'kyverno.start',
    title: `Start Kyverno's admission, ${why}`,
    async run({ cluster, client, context }) {
      if (!(await admissionStandsStill(cluster))) return 'it was not stopped';
      await startAdmission(cluster, client, context);
      return undefined;
    },
  };
}
