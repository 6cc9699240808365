import path from 'node:path';
import type { Cluster } from '../../cluster/provider.ts';
import { loadPolicyTemplate, type PolicyTemplate } from '../../components/kyverno/policies/render.ts';
import { admissionStandsStill, resumeAdmission } from '../../components/kyverno/standstill.ts';
import type { Context } from '../../lib/context.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { acquireLock } from '../../lib/lock.ts';
import { runPlan } from '../../lib/steps.ts';
import { ApiserverMemory } from '../apiserver-memory.ts';
import type { SeedPoliciesOptions } from './options.ts';
import { deletePlan, seedPlan, startKyverno } from './steps.ts';
import type { SeedSummary } from './summary.ts';

/** What a person asks of `seed-policies`. */
export interface SeedRequest extends Omit<SeedPoliciesOptions, 'count'> {
  /** Absent, with `delete`: everything of the prefix. */
  readonly count?: number | undefined;
  readonly delete: boolean;
  /** Writes while Kyverno's admission is stopped. */
  readonly cold: boolean;
}

/** What the steps of one run share. */
export interface SeedRun {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly request: SeedRequest;
  readonly template: PolicyTemplate;
  readonly context: Context;
  readonly memory: ApiserverMemory;
  /** Filled in as the run goes on. */
  readonly tally: { -readonly [Key in keyof SeedSummary]: SeedSummary[Key] };
}

/**
 * Brings the policies of the first accounts of a prefix about, each in its namespace, or takes them away. May be
 * interrupted anywhere and run again: what is there is compared, not written again, and only what carries our label is
 * changed or deleted.
 * @param onSummary told what was done, also when the run then fails
 * @param template absent: the account policy of the profile `toolforge`
 * @throws Failure `foreign` when names are taken, `cluster` or `incomplete` when something was refused, `busy` when
 *   another run is at it
 */
export async function seedPolicies(
  cluster: Cluster,
  request: SeedRequest,
  context: Context,
  onSummary: (summary: SeedSummary) => void,
  template?: PolicyTemplate,
): Promise<void> {
  const { clock, signal } = context;
  const lock = path.join(cluster.directory, 'seed-policies.lock');
  const release = await acquireLock(lock, { command: 'seed-policies', clock, signal });
  const tally = emptyTally(request);
  const onRetry = (): void => {
    tally.retries += 1;
  };
  const client = await cluster.client({ connections: request.concurrency, signal, onRetry });
  const memory = new ApiserverMemory(cluster);
  try {
    await memory.start();
    tally.apiservers = { before: memory.latest, after: memory.latest };
    template ??= await loadPolicyTemplate('toolforge', cluster.profile.kyverno);
    const run: SeedRun = { cluster, client, request, template, context, memory, tally };
    const left = await admissionStandsStill(cluster);
    const plan = request.delete ? deletePlan(run) : seedPlan(run);
    await runPlan(
      [...(left ? [startKyverno('left stopped by an interrupted run')] : []), ...plan],
      run,
      context,
    );
  } finally {
    // Whatever happened, Kyverno is not left stopped. Waiting until it works is for the next run.
    if (await admissionStandsStill(cluster)) await resumeAdmission(cluster);
    await memory.stop();
    tally.apiservers = { ...tally.apiservers, after: memory.latest };
    await client.close();
    await release();
    onSummary(tally);
  }
}

function emptyTally({ delete: remove, count = 0 }: SeedRequest): SeedRun['tally'] {
  return {
    command: remove ? 'delete' : 'seed',
    asked: count,
    created: 0,
    changed: 0,
    unchanged: 0,
    deleted: 0,
    failed: 0,
    seconds: 0,
    rate: 0,
    retries: 0,
    apiservers: { before: [], after: [] },
  };
}
