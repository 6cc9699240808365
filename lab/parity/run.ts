import fc from 'fast-check';
import { openCluster } from '../../cluster/open.ts';
import type { Cluster } from '../../cluster/provider.ts';
import type { PolicyProfile } from '../../cluster/spec.ts';
import { BulkMeter, runBulk } from '../../lib/bulk.ts';
import { formatBulk } from '../../lib/bulk-progress.ts';
import type { Context } from '../../lib/context.ts';
import { runPlan, type Progress, type Step } from '../../lib/steps.ts';
import { reason } from './compare.ts';
import { podSecurityFixtures, workloadFixtures } from './fixtures.ts';
import { pods } from './generate.ts';
import { judge, type Judged } from './oracle.ts';
import type { Pod } from './pod.ts';
import {
  governed,
  portable,
  readRecording,
  recordedWorld,
  writeRecording,
  type Recorded,
} from './recording.ts';
import { ParityReport } from './report.ts';
import { shrink, type Found } from './shrink.ts';
import { openWorlds, removeWorlds, TOOL, type Worlds } from './worlds.ts';

export interface ParityOptions {
  readonly name: string;
  readonly policy: PolicyProfile;
  /** How many pods to generate, beside the fixtures. */
  readonly pods: number;
  /** The same seed gives the same pods. */
  readonly seed: number;
  /** A file to write down what PodSecurityPolicy said. */
  readonly record?: string | undefined;
  /** A file with what a PodSecurityPolicy said, in place of one, and of generated pods. */
  readonly recorded?: string | undefined;
}

/** As many as keep two processors busy: an API server and a Kyverno. */
const CONCURRENCY = 16;
/** Sends fixtures and generated pods to both worlds. What they differ in is in the report; nothing is left behind. */
export async function parity(options: ParityOptions, context: Context): Promise<ParityReport> {
  const cluster = await openCluster(options.name, context);
  const recording = options.recorded === undefined ? undefined : await readRecording(options.recorded);
  const report = new ParityReport(options.policy, options.seed);
  const started = context.clock.now();
  const run: Run = { options, cluster, report, context, recorded: [] };
  try {
    await runPlan(
      [
        worldsStep(run, recording),
        ...(recording === undefined
          ? [fixturesStep(run), podsStep(run), ...recordStep(run)]
          : [recordingStep(run, recording)]),
      ],
      undefined,
      context,
    );
  } finally {
    await run.worlds?.close();
    await removeWorlds(cluster);
  }
  report.seconds = (context.clock.now() - started) / 1000;
  return report;
}

/** What the steps of one run share. */
interface Run {
  readonly options: ParityOptions;
  readonly cluster: Cluster;
  readonly report: ParityReport;
  readonly context: Context;
  readonly recorded: Recorded[];
  worlds?: Worlds;
}

function worldsOf({ worlds }: Run): Worlds {
  if (worlds === undefined) throw new Error('the worlds are made first');
  return worlds;
}

function worldsStep(run: Run, recording: readonly Recorded[] | undefined): Step<undefined> {
  const { policy } = run.options;
  return {
    id: 'parity.worlds',
    title: `${TOOL.name} under PodSecurityPolicy${recording === undefined ? '' : ' as it was recorded'}, and under the policy ${policy}`,
    async run() {
      const psp = recording === undefined ? undefined : recordedWorld(recording);
      run.worlds = await openWorlds(run.cluster, policy, 2 * CONCURRENCY, run.context, psp);
      return undefined;
    },
  };
}

function fixturesStep(run: Run): Step<undefined> {
  return {
    id: 'parity.fixtures',
    title: 'Fixtures of the Pod Security Standards, and the workloads of tools',
    run: () => judgeFixtures(run),
  };
}

function podsStep(run: Run): Step<undefined> {
  const { pods: count, seed } = run.options;
  return {
    id: 'parity.pods',
    title: `${count.toLocaleString('en')} generated pods, seed ${seed}`,
    run: (_, progress) => judgeGenerated(run, progress),
  };
}

function recordStep({ options: { record }, recorded }: Run): Step<undefined>[] {
  if (record === undefined) return [];
  return [
    {
      id: 'parity.record',
      title: `Write down what PodSecurityPolicy said`,
      async run() {
        await writeRecording(record, recorded);
        return `${recorded.length} pods in ${record}`;
      },
    },
  ];
}

function recordingStep(run: Run, recording: readonly Recorded[]): Step<undefined> {
  const { context, report } = run;
  return {
    id: 'parity.recorded',
    title: `${recording.length.toLocaleString('en')} recorded pods`,
    async run() {
      await judgeAll(
        recording.entries(),
        context,
        ([index]) => `pod ${index}`,
        async ([, { pod }]) => {
          const judged = await judge(pod, worldsOf(run), [], governed);
          report.add(judged, reason(judged.psp));
        },
      );
      return report.headline();
    },
  };
}

async function judgeFixtures(run: Run): Promise<string> {
  const { cluster, context } = run;
  const fixtures = [...(await podSecurityFixtures(cluster.profile, context)), ...workloadFixtures(TOOL)];
  await judgeAll(
    fixtures.entries(),
    context,
    ([, { name }]) => name,
    async ([, { name, pod }]) => {
      await judgeOne(run, pod, name);
    },
  );
  return `${fixtures.length} pods`;
}

async function judgeGenerated(run: Run, progress: Progress): Promise<string> {
  const { options, report, context } = run;
  const { pods: count, seed, policy } = options;
  const meter = new BulkMeter(count, context.clock);
  const unexplained: Found[] = [];
  const sample = fc.sample(pods(TOOL.uid), { seed, numRuns: count });
  await judgeAll(
    sample.entries(),
    context,
    ([index]) => `pod ${index}`,
    async ([index, pod]) => {
      const judged = await judgeOne(run, pod);
      if (judged.difference !== undefined && judged.explainedBy.length === 0) {
        unexplained.push({ run: index, judged });
      }
      meter.settle(true);
      progress.update(formatBulk(meter.snapshot()));
    },
  );
  // `toolforge` is meant to differ: there is nothing to shrink.
  if (policy === 'psp') await shrink(unexplained, { seed, count, worlds: worldsOf(run), report, progress });
  return report.headline();
}

/** Judges a pod, and notes what became of it; for a recording, of a pod that other versions read the same way. */
async function judgeOne(run: Run, pod: Pod, name?: string): Promise<Judged> {
  const recording = run.options.record !== undefined;
  const asked = recording ? portable(pod) : pod;
  const judged = await judge(asked, worldsOf(run));
  run.report.add(judged, reason(judged.psp), name);
  if (recording) run.recorded.push({ pod: asked, psp: judged.psp });
  return judged;
}

/** Some at once; a request that fails for other reasons than an admission's ends it. */
async function judgeAll<Item>(
  items: Iterable<Item>,
  { signal }: Context,
  nameOf: (item: Item) => string,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const { failures } = await runBulk(items, { concurrency: CONCURRENCY, signal, nameOf, work });
  const [first] = failures;
  if (first !== undefined) throw first.failure;
}
