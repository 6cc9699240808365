import { randomUUID } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../../cluster/provider.ts';
import { writeRecord, type ClusterRecord } from '../../cluster/record.ts';
import type { AccountPolicy, AccountPolicyChoice, PolicyAction, PolicyProfile } from '../../cluster/spec.ts';
import {
  currentRollOut,
  isSelected,
  maintainKubeusersStatus,
  readTools,
  writeRollOut,
  type MaintainKubeusersStatus,
  type PolicySettings,
  type RollOutFile,
  type ToolSelection,
} from '../../components/maintain-kubeusers/index.ts';
import { converge } from '../../components/up.ts';
import type { Context } from '../../lib/context.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import type { Progress } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { LIMITS, takeSample } from './health.ts';
import { rollOut } from './roll-out.ts';

/** What a person may say about the next stage. */
export interface MigrateOptions {
  /** A part of the tools only, in the stages that go tool by tool. */
  readonly tools?: ToolSelection | undefined;
  /** The template that tools are to have in the end; kept from stage to stage. */
  readonly policy?: PolicyProfile | undefined;
  /** Another text of it. */
  readonly template?: string | undefined;
  /** Whether the template is checked before anything is applied. */
  readonly lint: boolean;
  /** Whether workloads that offend are mended. */
  readonly fix: boolean;
  /** Go on although pods break the policy, as was done in 2024. */
  readonly ignoreReports: boolean;
  /** What the generators write from stage 1 on. */
  readonly generation: 'explicit' | 'default-proc-mount';
}

type MigrationState = NonNullable<ClusterRecord['migration']>;

/** All that the stages work with: the cluster, a client of it, its record as it is now. */
export class Migration {
  readonly client: KubeClient;
  readonly options: MigrateOptions;
  readonly context: Context;
  #cluster: Cluster;
  #record: ClusterRecord;
  #policy: MigrationState['policy'] | undefined;
  #uids: Promise<ReadonlyMap<string, number>> | undefined;

  constructor(cluster: Cluster, client: KubeClient, options: MigrateOptions, context: Context) {
    this.#cluster = cluster;
    this.#record = cluster.record;
    this.client = client;
    this.options = options;
    this.context = context;
  }

  get cluster(): Cluster {
    return this.#cluster;
  }

  /** How far the migration is, and which template it is about. */
  get state(): MigrationState {
    const { migration, spec } = this.#record;
    const { accountPolicy: before } = spec;
    const begun = migration ?? {
      stage: 0,
      ...(before === undefined ? {} : { before }),
      policy: { profile: 'toolforge' },
    };
    return { ...begun, policy: this.#policy ?? begun.policy };
  }

  /** How many stages are done; one that is half undone is to be done again. */
  get done(): number {
    const { stage, undoing = false } = this.state;
    return undoing ? stage - 1 : stage;
  }

  /** By tool. */
  uids(): Promise<ReadonlyMap<string, number>> {
    this.#uids ??= readTools(this.cluster.directory, this.context.signal).then(
      (tools) => new Map(tools.filter(({ disabled }) => !disabled).map(({ name, uid }) => [name, uid])),
    );
    return this.#uids;
  }

  /** Those that the person asked for; all where nothing was asked. */
  async selectedUids(): Promise<ReadonlyMap<string, number>> {
    const { tools } = this.options;
    const all = await this.uids();
    return tools === undefined ? all : new Map([...all].filter(([name]) => isSelected(name, tools)));
  }

  /** The policy that tools have from now on, in the record and so for every `up` to come. */
  choice(action: PolicyAction): AccountPolicy {
    // Reports also on the pods that are there: offenders are to be found before anything is enforced.
    return { ...this.state.policy, action, ...(action === 'Audit' ? { background: true } : {}) };
  }

  /** Takes the template that the person named; it is kept once something of it is applied. */
  choosePolicy(): void {
    const { policy, template } = this.options;
    if (policy === undefined && template === undefined) return;
    const file = template === undefined ? {} : { file: path.resolve(template) };
    this.#policy = { profile: policy ?? this.state.policy.profile, ...file };
  }

  /** A file is copied: what is rolled out must not change under it. */
  async #keepPolicy(): Promise<void> {
    const chosen = this.#policy;
    if (chosen === undefined) return;
    let { file } = chosen;
    if (file !== undefined) {
      // A name of its own: what was rolled out from an earlier text stays readable until it is replaced.
      const copy = path.join(this.cluster.directory, `policy-template-${randomUUID().slice(0, 8)}.yaml`);
      await copyFile(file, copy);
      file = copy;
    }
    this.#policy = undefined;
    await this.note({ policy: { profile: chosen.profile, ...(file === undefined ? {} : { file }) } });
  }

  /** Writes into the record how far the migration is. */
  async note(change: Partial<MigrationState>): Promise<void> {
    this.#record = { ...this.#record, migration: { ...this.state, ...change } };
    await writeRecord(this.context.paths, this.#record);
  }

  /** Brings the cluster to a changed specification, as `up` does. */
  async converge(change: Partial<ClusterRecord['spec']>, progress: Progress): Promise<void> {
    const spec = { ...this.#record.spec, ...change };
    this.#record = { ...this.#record, migration: this.state, spec };
    this.#cluster = await converge(this.#record, progress, this.context);
  }

  /**
   * Gives the tools a policy share by share, watched: all of them, or those that the person asked for. When all have it, `settle`
   * makes it the cluster's own.
   */
  async rollOutPolicy(action: PolicyAction, progress: Progress): Promise<string> {
    await this.#keepPolicy();
    const policy = this.#settings(this.choice(action));
    const going = await currentRollOut(this.cluster.directory);
    const same = going !== undefined && isDeepStrictEqual(going.policy, policy);
    const { tools } = this.options;
    return this.#ramp(
      {
        policy,
        percent: same ? going.percent : 0,
        tools: [...(tools?.tools ?? (same ? going.tools : []))],
      },
      tools === undefined ? 100 : Math.max(tools.percent, same ? going.percent : 0),
      progress,
    );
  }

  /** Makes what was rolled out the policy of all accounts, and ends the roll-out: no tool's policy changes by it. */
  async settle(accountPolicy: AccountPolicyChoice, progress: Progress): Promise<void> {
    await this.converge({ accountPolicy }, progress);
    await writeRollOut(this.cluster.directory, undefined);
  }

  /**
   * The way back, as careful as the way there: all tools keep their policy as a roll-out to all of them, the cluster's own becomes
   * the one of before, and the share goes down to nothing.
   */
  async rollBackTo(accountPolicy: AccountPolicyChoice, progress: Progress): Promise<string> {
    const { directory } = this.cluster;
    if ((await currentRollOut(directory)) === undefined) {
      const policy = this.#settings(this.#record.spec.accountPolicy ?? this.cluster.profile.accountPolicy);
      await writeRollOut(directory, { policy, percent: 100, tools: [] });
    }
    await this.converge({ accountPolicy }, progress);
    return this.endRollOut(progress);
  }

  /** Takes a roll-out back, share by share. */
  async endRollOut(progress: Progress): Promise<string> {
    const { directory } = this.cluster;
    const going = await currentRollOut(directory);
    if (going === undefined) return 'nothing is rolled out';
    const said = await this.#ramp({ ...going, tools: [] }, 0, progress);
    await writeRollOut(directory, undefined);
    return said;
  }

  /** Gives every tool its PodSecurityPolicy, or takes it; whether the API servers ask for one is another matter. */
  async makePodSecurityPolicies(progress: Progress): Promise<void> {
    const { directory } = this.cluster;
    await writeRollOut(directory, { percent: 0, tools: [], podSecurityPolicy: true });
    await waitFor(
      'maintain-kubeusers to make the PodSecurityPolicies',
      async () => {
        const status = await maintainKubeusersStatus(directory);
        progress.update(`${status.accounts.pending} tools to do`);
        const done = status.rollOut !== undefined && isIdle(status, status.problems.length);
        return done ? true : undefined;
      },
      { clock: this.context.clock, signal: this.context.signal, timeoutMs: 600_000, maxPauseMs: 1_000 },
    );
  }

  /** As maintain-kubeusers takes it. */
  #settings(choice: AccountPolicyChoice): PolicySettings | undefined {
    return choice === 'none' ? undefined : { ...choice, kyverno: this.cluster.profile.kyverno };
  }

  async #ramp(
    { percent: from, tools, ...what }: RollOutFile & { tools: string[] },
    to: number,
    progress: Progress,
  ): Promise<string> {
    const { cluster, context, client } = this;
    const { directory } = cluster;
    // What fails already is not the roll-out's doing.
    const known = new Set((await maintainKubeusersStatus(directory)).problems.map(({ account }) => account));
    return rollOut(
      { tools, from, to, limits: LIMITS },
      {
        setPercent: (percent) => writeRollOut(directory, { ...what, percent, tools }),
        sample: () => takeSample(cluster, client, context),
        say: (text) => {
          progress.update(text);
        },
        event: (data) => {
          context.output.event('roll-out', data);
        },
        clock: context.clock,
        signal: context.signal,
        async settled(percent) {
          const status = await maintainKubeusersStatus(directory);
          const { rollOut: taken, problems } = status;
          const fresh = problems.filter(({ account }) => !known.has(account));
          const failing = fresh.slice(0, 3).map(({ account, problem }) => `${account}: ${problem}`);
          // Of the names too: a share of nothing is reached at once.
          const takenUp = taken?.percent === percent && taken.tools === tools.length;
          return { done: takenUp && isIdle(status, known.size), failing };
        },
      },
    );
  }
}

/** Whether the loop has nothing to do but for accounts that fail, as many as were counted. */
function isIdle({ accounts, work }: MaintainKubeusersStatus, failing: number): boolean {
  return work.waiting + work.underWay === 0 && accounts.pending <= failing;
}
