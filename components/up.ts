import { readFile } from 'node:fs/promises';
import prettyMilliseconds from 'pretty-ms';
import { prepareRecord } from '../cluster/create.ts';
import { contextName, mergeKubeconfig, userKubeconfig } from '../cluster/merge-kubeconfig.ts';
import { loadProfile } from '../cluster/profile.ts';
import type { UpState } from '../cluster/provider.ts';
import { providerOf, resolveProvider } from '../cluster/providers.ts';
import { clusterDirectory } from '../cluster/record.ts';
import { DEFAULT_NAME, HA_CONTROL_PLANES, type ClusterSpec, type HealthCheck } from '../cluster/spec.ts';
import type { Context } from '../lib/context.ts';
import { makePrivateDirectory } from '../lib/files.ts';
import { acquireLock } from '../lib/lock.ts';
import { runPlan } from '../lib/steps.ts';
import { upPlan } from './toolforge.ts';

/** What a person may ask of `up`. */
export interface UpOptions {
  readonly name: string;
  readonly provider: 'auto' | ClusterSpec['provider'];
  readonly profile: string;
  readonly ha: boolean;
  readonly healthCheck: HealthCheck;
  /** Bytes */
  readonly controlPlaneMemory?: number | undefined;
  readonly kyvernoReplicas: number;
  readonly apiPort: number;
  readonly statsPort: number;
  readonly mergeKubeconfig: boolean;
}

/** Brings a cluster up, or an existing one to what is asked for; may be interrupted and run again at any point. */
export async function up(options: UpOptions, context: Context): Promise<void> {
  const started = context.clock.now();
  const spec = specOf(options);
  const profile = await loadProfile(spec.profile);
  const provider = await providerOf(spec.provider);
  const directory = clusterDirectory(context.paths, spec.name);
  await makePrivateDirectory(directory);
  const release = await acquireLock(`${directory}.lock`, {
    command: 'up',
    clock: context.clock,
    signal: context.signal,
  });
  try {
    const record = await prepareRecord(spec, context);
    context.output.note(`Cluster ${spec.name}: ${profile.description} (${spec.provider})`);
    const plan = upPlan(provider, record, profile, context);
    const state = {} as UpState; // the plan's first step sets the cluster
    await runPlan(plan, state, context);
    if (options.mergeKubeconfig) await mergeIntoUsers(state, context);
    farewell(state, context.clock.now() - started, context);
  } finally {
    await release();
  }
}

function specOf(options: UpOptions): ClusterSpec {
  const { name, profile, healthCheck, kyvernoReplicas, apiPort, statsPort, controlPlaneMemory } = options;
  return {
    name,
    profile,
    healthCheck,
    kyvernoReplicas,
    apiPort,
    statsPort,
    provider: resolveProvider(options.provider),
    controlPlanes: options.ha ? HA_CONTROL_PLANES : 1,
    ...(controlPlaneMemory === undefined ? {} : { controlPlaneMemory }),
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
