import { readFile } from 'node:fs/promises';
import prettyMilliseconds from 'pretty-ms';
import { prepareRecord } from '../cluster/create.ts';
import { contextName, mergeKubeconfig, userKubeconfig } from '../cluster/merge-kubeconfig.ts';
import { loadProfileOf } from '../cluster/profile.ts';
import type { Cluster, UpState } from '../cluster/provider.ts';
import { providerOf, resolveProvider } from '../cluster/providers.ts';
import { PRODUCTION } from '../cluster/production.ts';
import { withClusterLock } from '../cluster/lock.ts';
import { clusterDirectory, readRecord, writeRecord, type ClusterRecord } from '../cluster/record.ts';
import {
  DEFAULT_NAME,
  HA_CONTROL_PLANES,
  type AccountPolicyChoice,
  type ClusterSpec,
  type HealthCheck,
  type PolicyAction,
  type PolicyProfile,
} from '../cluster/spec.ts';
import { loadCatalogue, MODULES_DIRECTORY, pinnedModule } from '../cluster/toolchain/catalogue.ts';
import type { Context } from '../lib/context.ts';
import { makePrivateDirectory } from '../lib/files.ts';
import { runPlan, runWithin, type Progress } from '../lib/steps.ts';
import { keepOwnSettings, readOwnSettings, type OwnSettings } from './maintain-kubeusers/index.ts';
import { upPlan } from './toolforge.ts';

/** What a person may ask of `up`. What is absent stays as it is, or is the default of a new cluster. */
export interface UpOptions {
  readonly name: string;
  readonly provider?: 'auto' | ClusterSpec['provider'] | undefined;
  readonly profile?: string | undefined;
  readonly ha?: boolean | undefined;
  readonly healthCheck?: HealthCheck | undefined;
  /** Bytes */
  readonly controlPlaneMemory?: number | 'none' | undefined;
  readonly kyvernoReplicas?: number | undefined;
  /** A version that the toolchain pins: another one than the cluster has is an upgrade. */
  readonly kyverno?: string | undefined;
  readonly kyvernoLimits?: boolean | undefined;
  /** A template of the account policy, or none: a change goes through all accounts. */
  readonly accountPolicy?: PolicyProfile | 'none' | undefined;
  readonly policyAction?: PolicyAction | undefined;
  /** A file of settings for maintain-kubeusers, or none: kept until another is named. */
  readonly kubeusersSettings?: string | undefined;
  readonly apiPort?: number | undefined;
  readonly statsPort?: number | undefined;
  readonly mergeKubeconfig: boolean;
}

/** Brings a cluster up, or an existing one to what is asked for; may be interrupted and run again at any point. */
export async function up(options: UpOptions, context: Context): Promise<void> {
  const started = context.clock.now();
  const directory = clusterDirectory(context.paths, options.name);
  const asked = await settingsOf(options);
  await makePrivateDirectory(directory);
  await withClusterLock(options.name, 'up', context, async () => {
    const existing = (await readRecord(context.paths, options.name))?.spec;
    const profile = await loadProfileOf({
      profile: options.profile ?? existing?.profile ?? DEFAULT_PROFILE,
      podSecurityPolicy: existing?.podSecurityPolicy,
      kyverno: options.kyverno ?? existing?.kyverno,
    });
    const provided = options.provider ?? 'auto';
    const chosen = provided === 'auto' ? (existing?.provider ?? provided) : provided;
    const spec = specOf(options, existing, await resolveProvider(chosen, profile, context));
    const provider = await providerOf(spec.provider);
    await provider.check(spec, profile, context);
    pinnedModule(await loadCatalogue(MODULES_DIRECTORY), `kyverno-${profile.kyverno}`);
    const record = await prepareRecord(spec, context);
    if (asked !== undefined) await keepOwnSettings(directory, asked === 'none' ? undefined : asked);
    context.output.note(`Cluster ${spec.name}: ${profile.description} (${spec.provider})`);
    const plan = upPlan(provider, record, profile, context);
    const state = {} as UpState; // the plan's first step sets the cluster
    await runPlan(plan, state, context);
    if (options.mergeKubeconfig) await mergeIntoUsers(state, context);
    farewell(state, context.clock.now() - started, context);
  });
}

/**
 * Brings a running cluster to what its record says now. For whoever holds the cluster's lock already.
 * @param progress learns what it does at the moment
 */
export async function converge(
  record: ClusterRecord,
  progress: Progress,
  context: Context,
): Promise<Cluster> {
  await writeRecord(context.paths, record);
  const provider = await providerOf(record.spec.provider);
  const plan = upPlan(provider, record, await loadProfileOf(record.spec), context);
  const state = {} as UpState; // the plan's first step sets the cluster
  await runWithin(progress, plan, state, context);
  return state.cluster;
}

/** Read before anything is made: a file that is wrong costs nothing. */
async function settingsOf({ kubeusersSettings: file }: UpOptions): Promise<OwnSettings | 'none' | undefined> {
  return file === undefined || file === 'none' ? file : readOwnSettings(file);
}

/** What a new cluster has. */
const DEFAULT_PROFILE = 'current';

/** What was asked for, over what the cluster has, over the defaults of a new one. */
export function specOf(
  options: UpOptions,
  existing: ClusterSpec | undefined,
  provider: ClusterSpec['provider'],
): ClusterSpec {
  const { ha, controlPlaneMemory: asked } = options;
  const memory = asked === 'none' ? undefined : (asked ?? existing?.controlPlaneMemory);
  const policy = policyOf(options, existing?.accountPolicy);
  const kyverno = options.kyverno ?? existing?.kyverno;
  const limits = options.kyvernoLimits ?? existing?.kyvernoLimits;
  return {
    name: options.name,
    provider,
    profile: options.profile ?? existing?.profile ?? DEFAULT_PROFILE,
    controlPlanes: ha === undefined ? (existing?.controlPlanes ?? 1) : ha ? HA_CONTROL_PLANES : 1,
    healthCheck: options.healthCheck ?? existing?.healthCheck ?? PRODUCTION.healthCheck,
    kyvernoReplicas: options.kyvernoReplicas ?? existing?.kyvernoReplicas ?? 1,
    apiPort: options.apiPort ?? existing?.apiPort ?? PRODUCTION.apiPort,
    statsPort: options.statsPort ?? existing?.statsPort ?? PRODUCTION.statsPort,
    ...(kyverno === undefined ? {} : { kyverno }),
    ...(limits === undefined ? {} : { kyvernoLimits: limits }),
    ...(memory === undefined ? {} : { controlPlaneMemory: memory }),
    ...(policy === undefined ? {} : { accountPolicy: policy }),
    ...(existing?.podSecurityPolicy === undefined ? {} : { podSecurityPolicy: existing.podSecurityPolicy }),
  };
}

/** Undefined: what the profile says. */
function policyOf(
  { accountPolicy: profile, policyAction: action }: UpOptions,
  existing: AccountPolicyChoice | undefined,
): AccountPolicyChoice | undefined {
  const had = existing === 'none' ? undefined : existing;
  if (profile === undefined && action === undefined) return existing;
  if (profile === 'none') return 'none';
  return {
    // What is asked for by halves is the rest of production's.
    profile: profile ?? had?.profile ?? PRODUCTION.accountPolicy.profile,
    action: action ?? had?.action ?? PRODUCTION.accountPolicy.action,
  };
}

async function mergeIntoUsers({ cluster }: UpState, context: Context): Promise<void> {
  const file = userKubeconfig(context.env);
  await mergeKubeconfig(file, await readFile(cluster.kubeconfig, 'utf8'), cluster.record.spec.name);
  context.output.note(`Added context ${contextName(cluster.record.spec.name)} to ${file}`);
}

/** Where to go next. */
function farewell({ cluster }: UpState, ms: number, context: Context): void {
  const { name, apiPort } = cluster.record.spec;
  const { output } = context;
  const flag = name === DEFAULT_NAME ? '' : ` -- --name ${name}`;
  output.event('ready', { name, ms, server: `https://127.0.0.1:${apiPort}`, kubeconfig: cluster.kubeconfig });
  output.note('');
  output.note(output.style('bold', `Cluster ${name} is ready after ${prettyMilliseconds(ms)}.`));
  output.note(`  npm run status${flag}`);
  output.note(`  npm run kubectl${flag === '' ? ' --' : flag} get namespaces`);
  output.note(`  npm run seed-policies${flag === '' ? ' --' : flag} 4000`);
  output.note(`  export KUBECONFIG=${cluster.kubeconfig}`);
}
