import { bulkFailure, BulkMeter, runBulk, type BulkOutcome } from '../../lib/bulk.ts';
import { formatCount, formatRate, formatSeconds, showBulk } from '../../lib/bulk-progress.ts';
import { Failure } from '../../lib/errors.ts';
import type { Progress } from '../../lib/steps.ts';
import { formatApiservers } from '../apiserver-memory.ts';
import { removeNamespaces } from '../remove-namespaces.ts';
import type { SeedPoliciesOptions } from './options.ts';
import { missingWork, observe, type Observed, type SeedPlan, type Work } from './plan.ts';
import { POLICY_CONTENTS, remove, type Removal } from './remove.ts';
import type { SeedRun } from './run.ts';
import { AccountWriter } from './write.ts';

/** Writes what the plan says is missing or different, and sees to it that it is there in the end. */
export async function writePolicies(run: SeedRun, plan: SeedPlan, progress: Progress): Promise<string> {
  const { request, tally } = run;
  const options = { ...request, count: request.count ?? 0 };
  if (plan.work.length === 0) return 'nothing to do';
  let work = plan.work;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const outcome = await writeOnce(run, options, work, progress);
    const done = tally.created + tally.changed;
    failIfIncomplete(outcome, done, plan.work.length, 'could not be written');
    work = missingWork(await lookAgain(run), options);
    if (work.length === 0) return summarize(run, done);
  }
  throw new Failure({
    kind: 'cluster',
    what: `${formatCount(work.length)} policies were written and are gone again`,
    why: `such as ${work[0]?.namespace ?? ''}/${work[0]?.policy ?? ''}: something else deletes them`,
    hint: 'End it and run the same command again.',
  });
}

function writeOnce(
  run: SeedRun,
  options: SeedPoliciesOptions,
  work: readonly Work[],
  progress: Progress,
): Promise<BulkOutcome> {
  const { client, template, tally, context } = run;
  const writer = new AccountWriter(client, options, template);
  return watched(run, 'write', work.length, progress, (meter) =>
    runBulk(work, {
      concurrency: options.concurrency,
      signal: context.signal,
      nameOf: ({ account }) => account.name,
      async work(item) {
        await writer.write(item);
        if (item.policyIs === 'missing') tally.created += 1;
        else tally.changed += 1;
        meter.settle(true);
      },
      onFailure: () => {
        meter.settle(false);
      },
    }),
  );
}

export async function deletePolicies(run: SeedRun, removal: Removal, progress: Progress): Promise<string> {
  const { client, request, tally, context } = run;
  const total = removal.namespaces.length + removal.policies.length;
  if (total === 0) return 'nothing to do';
  const { clock, signal } = context;
  const { concurrency } = request;
  const outcome = await watched(run, 'delete', total, progress, async (meter) => {
    try {
      return await remove(client, removal, { concurrency, clock, signal, meter });
    } finally {
      tally.deleted = meter.snapshot().done; // also when it is interrupted
    }
  });
  failIfIncomplete(outcome, tally.deleted, total, 'could not be deleted');
  await lookAgain(run);
  return summarize(run, tally.deleted);
}

/** Namespaces that an interrupted deletion left have to be gone before they can be made again. */
export async function finishDeletion(
  run: SeedRun,
  { terminating }: SeedPlan,
  progress: Progress,
): Promise<void> {
  if (terminating.length === 0) return;
  const { clock, signal } = run.context;
  const { concurrency } = run.request;
  const outcome = await watched(run, 'finish deletion', terminating.length, progress, (meter) =>
    removeNamespaces(run.client, terminating, {
      contents: POLICY_CONTENTS,
      concurrency,
      clock,
      signal,
      meter,
    }),
  );
  const { length } = terminating;
  failIfIncomplete(outcome, length - outcome.failed, length, 'could not be deleted');
  run.tally.seconds = 0; // the summary is about the writing
}

/** Shows a bulk run while it goes on and notes how long it took. */
async function watched(
  { context, memory, tally }: SeedRun,
  name: string,
  total: number,
  progress: Progress,
  work: (meter: BulkMeter) => Promise<BulkOutcome>,
): Promise<BulkOutcome> {
  const meter = new BulkMeter(total, context.clock);
  const stop = showBulk(meter, {
    name,
    output: context.output,
    update: (text) => {
      progress.update(text);
    },
    extra: () => ({ text: formatApiservers(memory.latest), data: { apiservers: memory.latest } }),
  });
  try {
    return await work(meter);
  } finally {
    stop();
    const { seconds, failed } = meter.snapshot();
    tally.failed = failed;
    tally.seconds += seconds;
    const done = tally.created + tally.changed + tally.deleted;
    tally.rate = tally.seconds > 0 ? done / tally.seconds : 0;
  }
}

/** What is there at the end, and what it costs. */
async function lookAgain({ client, request, memory, tally }: SeedRun): Promise<Observed> {
  const observed = await observe(client, request.prefix, 'metadata');
  tally.present = observed.policies.size;
  await memory.read();
  return observed;
}

function summarize({ tally }: SeedRun, done: number): string {
  return `${formatCount(done)} in ${formatSeconds(tally.seconds)}, ${formatRate(tally.rate)} a second`;
}

function failIfIncomplete(outcome: BulkOutcome, done: number, total: number, what: string): void {
  if (outcome.failed === 0) return;
  const counts = `${formatCount(outcome.failed)} of ${formatCount(total)} accounts`;
  throw bulkFailure(`${counts} ${what}`, done, outcome, HINT);
}

/** How often what vanished while others were written is written again. */
const ROUNDS = 3;

const HINT =
  'What was done stays. Mend the cause (`npm run status`, `npm run logs kyverno-admission-controller-1`) and run the same ' +
  'command again: it goes on with the rest.';
