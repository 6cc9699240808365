import { openCluster } from '../../cluster/open.ts';
import type { Cluster } from '../../cluster/provider.ts';
import { readRecord } from '../../cluster/record.ts';
import { down } from '../../components/down.ts';
import { up } from '../../components/up.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { freePort } from '../../lib/ports.ts';
import { runPlan, type Plan } from '../../lib/steps.ts';
import { seedPolicies, type SeedSummary } from '../../seed/policies/index.ts';
import { accountSteps } from './account-steps.ts';
import { bareApiserverSeconds } from './bare-apiserver.ts';
import { kindSeconds } from './kind.ts';
import { kubectlSecondsEach } from './kubectl-loop.ts';
import { perSecond, rateAgainst, timeAgainst, type Result } from './measurement.ts';
import { memoryResults, residentBytes } from './memory.ts';
import { sideBySide } from './side-by-side.ts';
import { step } from './step.ts';

export interface BenchOptions {
  /** Of a cluster that does not exist yet: it is removed in the end. */
  readonly name: string;
  readonly policies: number;
  readonly accounts: number;
  readonly ha: boolean;
}

/** Enough to see through the noise, little beside the run itself. */
const KUBECTL_SAMPLE = 20;
const NAMESPACES_A_TURN = 250;
const POLICIES_A_TURN = 50;
/** As many as `seed-policies` has by default. */
const CONNECTIONS = 16;

/**
 * Measures what this project does beside what people would do instead, in one run on a cluster of its own.
 * @throws Failure `usage` when there is a cluster of that name
 */
export async function bench(options: BenchOptions, context: Context): Promise<Result[]> {
  if ((await readRecord(context.paths, options.name)) !== undefined) {
    throw new Failure({
      kind: 'usage',
      what: `There is a cluster named ${options.name} already`,
      why: 'a benchmark makes its own, and removes it',
      hint: 'Choose another --name.',
    });
  }
  const results: Result[] = [];
  const quiet = silent(context);
  try {
    await runPlan(benchPlan(options, results, quiet), undefined, context);
    return results;
  } finally {
    await down(options.name, { ...quiet, signal: new AbortController().signal }); // after Ctrl-C too
  }
}

function benchPlan(options: BenchOptions, results: Result[], context: Context): Plan<undefined> {
  const found: { cluster?: Cluster; idle?: ReadonlyMap<string, number>; kubectl?: number; helper?: number } =
    {};
  const cluster = (): Cluster => {
    if (found.cluster === undefined) throw new Error('the cluster comes up first');
    return found.cluster;
  };
  const seconds = async (name: string, provider: 'embedded' | 'kind', ha: boolean): Promise<number> => {
    const ports = { apiPort: await freePort(), statsPort: await freePort() };
    const started = context.clock.now();
    await up({ name, provider, ha, mergeKubeconfig: false, ...ports }, context);
    return (context.clock.now() - started) / 1000;
  };
  const start = async (): Promise<number> => {
    const taken = await seconds(options.name, 'embedded', options.ha);
    found.cluster = await openCluster(options.name, context);
    return taken;
  };
  const onKind = async (): Promise<number> => {
    const name = `${options.name}-kind`;
    try {
      return await seconds(name, 'kind', false);
    } finally {
      await down(name, { ...context, signal: new AbortController().signal });
    }
  };
  return [
    step(
      'bench.kind',
      'A bare `kind create cluster`, then `up` on kind with the same node image',
      async () => {
        const what = '`up --provider kind`';
        const taken = await kindSeconds(`${options.name}-bare`, onKind, context);
        if (typeof taken === 'string') {
          results.push({ id: 'kind', what, skipped: taken });
          return taken;
        }
        const against = timeAgainst(taken.ours, 'kind create cluster alone', taken.bare);
        results.push({ id: 'kind', what, value: taken.ours, unit: 'seconds', against });
        return `${taken.ours.toFixed(1)} s against ${taken.bare.toFixed(1)} s`;
      },
    ),
    step('bench.warm', 'Everything once, so that all programs are built and cached', async () => {
      await start();
      await down(options.name, context);
      return undefined;
    }),
    step('bench.up', 'etcd and kube-apiserver alone, then `up` from nothing', async () => {
      const programs = {
        etcd: await cluster().program('etcd'),
        apiserver: await cluster().program('kube-apiserver'),
      };
      const bare = await bareApiserverSeconds(programs, context);
      const seconds = await start();
      found.idle = await residentBytes(cluster());
      const note = options.ha ? '3 control planes' : '1 control plane';
      const against = timeAgainst(seconds, 'etcd and kube-apiserver alone', bare);
      results.push({ id: 'up', what: '`up` from nothing', value: seconds, unit: 'seconds', note, against });
      return `${seconds.toFixed(1)} s against ${bare.toFixed(1)} s`;
    }),
    step('bench.kubectl', `${KUBECTL_SAMPLE} accounts with kubectl, one after the other, twice`, async () => {
      const same = seedOptions(KUBECTL_SAMPLE, 'kubectl');
      const defaults = { ...seedOptions(KUBECTL_SAMPLE, 'defaults'), background: true, autogen: true };
      found.kubectl = await kubectlSecondsEach(cluster(), same, context);
      found.helper = await kubectlSecondsEach(cluster(), defaults, context);
      return `${found.kubectl.toFixed(2)} s each, ${found.helper.toFixed(2)} s with Kyverno's defaults`;
    }),
    ...(['namespaces', 'policies'] as const).map((what) =>
      step(
        `bench.${what}`,
        `${what === 'policies' ? 'Namespaces with policies' : 'Namespaces alone'}, ours and a raw flood by turns`,
        async () => {
          const accounts = what === 'policies' ? POLICIES_A_TURN : NAMESPACES_A_TURN;
          const { ours, flood } = await sideBySide(cluster(), what, accounts, CONNECTIONS, context);
          const against = rateAgainst(ours, 'raw HTTP flood', flood);
          results.push({ id: what, what: `${what} written`, value: ours, unit: 'a second', against });
          return `${perSecond(ours)} against ${perSecond(flood)}`;
        },
      ),
    ),
    step('bench.seed', `seed-policies ${options.policies}`, async () => {
      const { rate: ours } = await seed(cluster(), options.policies, false, context);
      const note = `${options.policies} accounts`;
      const sample = `${KUBECTL_SAMPLE} accounts, extrapolated`;
      const same = rateAgainst(ours, 'kubectl loop, same policies', 1 / (found.kubectl ?? NaN), sample);
      // What lima-kilo's helper did: nobody had told Kyverno to leave out background scans and derived rules.
      const helper = rateAgainst(ours, "kubectl loop, Kyverno's defaults", 1 / (found.helper ?? NaN), sample);
      const row = { what: 'seed-policies', value: ours, unit: 'a second' as const, note };
      results.push(
        { ...row, id: 'seed-policies', against: same },
        { ...row, id: 'seed-policies.helper', against: helper },
      );
      results.push(...memoryResults(found.idle ?? new Map(), await residentBytes(cluster()), note));
      return perSecond(ours);
    }),
    step('bench.delete', `seed-policies ${options.policies} --delete`, async () => {
      const { rate: ours } = await seed(cluster(), options.policies, true, context);
      results.push({ id: 'delete', what: 'seed-policies --delete', value: ours, unit: 'a second' });
      return perSecond(ours);
    }),
    // Last: the namespace controller goes on emptying their namespaces for minutes after they are deleted.
    ...accountSteps(options.accounts, results, cluster, context),
  ];
}

function seedOptions(count: number, prefix: string) {
  return {
    count,
    prefix,
    action: 'Audit' as const,
    background: false,
    autogen: false,
    singleNamespace: false,
    concurrency: CONNECTIONS,
  };
}

async function seed(
  cluster: Cluster,
  count: number,
  remove: boolean,
  context: Context,
): Promise<SeedSummary> {
  const request = { ...seedOptions(count, 'seed'), delete: remove, cold: false };
  const told: SeedSummary[] = [];
  await seedPolicies(cluster, request, context, (summary) => told.push(summary));
  const [summary] = told;
  if (summary === undefined) throw new Error('seeding tells what it did');
  return summary;
}

/** The commands inside a benchmark say nothing: its own steps do. */
function silent(context: Context): Context {
  const nothing = (): void => undefined;
  const output = { json: false, interactive: false, print: nothing, note: nothing, event: nothing };
  return { ...context, output: { ...output, style: (_, text) => text } };
}
