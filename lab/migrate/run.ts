import { withClusterLock } from '../../cluster/lock.ts';
import { openCluster } from '../../cluster/open.ts';
import { servesPodSecurityPolicies } from '../../cluster/profile.ts';
import { withClient } from '../../cluster/with-client.ts';
import { currentRollOut } from '../../components/maintain-kubeusers/index.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { runPlan } from '../../lib/steps.ts';
import { Migration, type MigrateOptions } from './migration.ts';
import { findOffenders, type Offender } from './offenders.ts';
import { POLICY_STAGE, STAGES, type Stage } from './stages.ts';
import { endRollOut } from './steps.ts';

/** How far the migration of one cluster is. */
export interface MigrationStatus {
  readonly stages: readonly {
    readonly number: number;
    readonly title: string;
    readonly state: 'done' | 'next' | 'later';
  }[];
  /** The share of the tools that a roll-out under way has reached, in percent; absent: nothing is rolled out. */
  readonly rollOut?: {
    readonly percent: number;
    readonly tools: readonly string[];
    readonly action?: string;
  };
  /** Pods of tools, and what Kyverno's reports have against them. */
  readonly pods: number;
  readonly unjudged: number;
  readonly offenders: readonly Offender[];
}

/** Reads where the migration is. Nothing is changed. */
export async function migrationStatus(name: string, context: Context): Promise<MigrationStatus> {
  return withMigration(name, NOTHING_ASKED, context, async (migration) => {
    const { done } = migration;
    const going = await currentRollOut(migration.cluster.directory);
    const found = await findOffenders(migration.client, await migration.uids());
    return {
      stages: STAGES.map(({ title }, index) => ({
        number: index + 1,
        title,
        state: index < done ? 'done' : index === done ? 'next' : 'later',
      })),
      ...(going === undefined
        ? {}
        : {
            rollOut: {
              percent: going.percent,
              tools: going.tools,
              ...(going.policy === undefined ? {} : { action: going.policy.action }),
            },
          }),
      pods: found.pods,
      unjudged: found.unjudged.length,
      offenders: found.offenders,
    };
  });
}

const NOTHING_ASKED: MigrateOptions = {
  lint: true,
  fix: false,
  ignoreReports: false,
  generation: 'explicit',
};

/**
 * Does the next stage: its gate first, then the stage, watched.
 * @returns the stage, and whether it is done; for a part of the tools it is not
 * @throws Failure `usage` when there is none; whatever its gate or its steps throw
 */
export async function nextStage(
  name: string,
  options: MigrateOptions,
  context: Context,
): Promise<{ readonly number: number; readonly title: string; readonly done: boolean }> {
  return withClusterLock(name, 'migrate', context, () =>
    withMigration(name, options, context, async (migration) => {
      const number = migration.done + 1;
      const stage = STAGES[number - 1];
      if (stage === undefined) {
        throw new Failure({
          kind: 'usage',
          what: 'The migration is done',
          hint: '`back` undoes its last stage.',
        });
      }
      requireWhole(stage, options);
      requirePolicy(number, options);
      migration.choosePolicy();
      if (migration.state.undoing === true)
        await migration.note({ stage: migration.done, undoing: undefined });
      heading(number, stage, context);
      await runPlan([...stage.gate, ...stage.forward], migration, context);
      const done = options.tools === undefined;
      if (done) await migration.note({ stage: number });
      return { number, title: stage.title, done };
    }),
  );
}

/** Undoes a roll-out that is under way, or else the last stage. */
export async function previousStage(
  name: string,
  context: Context,
): Promise<{ readonly number: number; readonly title: string }> {
  return withClusterLock(name, 'migrate', context, () =>
    withMigration(name, NOTHING_ASKED, context, async (migration) => {
      const { directory } = migration.cluster;
      const { stage: done, undoing = false } = migration.state;
      // What was begun goes before what is done; unless it was this command that began.
      const begun = !undoing && (await currentRollOut(directory)) !== undefined;
      const number = begun ? done + 1 : done;
      const stage = STAGES[number - 1];
      if (stage === undefined) throw new Failure({ kind: 'usage', what: 'The migration has not begun' });
      heading(number, stage, context, 'Back from');
      if (begun) await runPlan([endRollOut], migration, context);
      else {
        await migration.note({ undoing: true });
        await runPlan(stage.back, migration, context);
        await migration.note({ stage: number - 1, undoing: undefined });
      }
      return { number, title: stage.title };
    }),
  );
}

function heading(number: number, { title }: Stage, { output }: Context, prefix = 'Stage'): void {
  const which = prefix === 'Stage' ? `Stage ${number}` : `${prefix} stage ${number}`;
  output.note(`${which} of ${STAGES.length}: ${title}`);
}

function requireWhole({ byTool, title }: Stage, { tools }: MigrateOptions): void {
  if (tools === undefined || byTool) return;
  throw new Failure({
    kind: 'usage',
    what: 'This stage is not done tool by tool',
    why: title,
    hint: 'Leave --tools out.',
  });
}

/** Between Audit and Enforce nothing may change but the action. */
function requirePolicy(number: number, { policy, template }: MigrateOptions): void {
  if (number === POLICY_STAGE || (policy === undefined && template === undefined)) return;
  throw new Failure({
    kind: 'usage',
    what: `The template is chosen in stage ${POLICY_STAGE}, and the next is stage ${number}`,
    hint: number < POLICY_STAGE ? 'Leave it out.' : '`back` leads there.',
  });
}

async function withMigration<T>(
  name: string,
  options: MigrateOptions,
  context: Context,
  use: (migration: Migration) => Promise<T>,
): Promise<T> {
  const cluster = await openCluster(name, context);
  if (!servesPodSecurityPolicies(cluster.profile)) {
    throw new Failure({
      kind: 'usage',
      what: `Cluster ${name} has nothing to migrate from`,
      why: `Kubernetes ${cluster.profile.kubernetes} has no PodSecurityPolicy; it went with 1.25`,
      hint: 'Make a cluster of the world before: `npm run up -- --name before --profile 2024`.',
    });
  }
  return withClient(cluster, (client) => use(new Migration(cluster, client, options, context)));
}
