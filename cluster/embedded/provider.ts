import { rename, rm } from 'node:fs/promises';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { exists, makePrivateDirectory, writeFileIfChanged } from '../../lib/files.ts';
import type { Progress } from '../../lib/steps.ts';
import type { Profile } from '../profile.ts';
import type { Provider, ProviderPlans, UpState } from '../provider.ts';
import { clusterDirectory, type ClusterRecord } from '../record.ts';
import { resolveRunit } from '../supervisor/resolve.ts';
import { RunitSupervisor } from '../supervisor/runit.ts';
import { apiserverFiles, apiserverServices } from './apiserver.ts';
import { limitMemory, removeCgroups, requireMemoryLimits } from './cgroup.ts';
import { EmbeddedCluster } from './cluster.ts';
import { controllerServices } from './controllers.ts';
import { etcdService } from './etcd.ts';
import { layout } from './layout.ts';
import { makeKeys, writeKubeconfigs } from './keys.ts';
import { registerNodes, releaseNodes } from './nodes.ts';
import { resolvePrograms } from './programs.ts';
import { waitForApiservers } from './readiness.ts';
import { restoreEtcd } from './snapshot.ts';

/** Plain processes, no container engine: etcd, API servers, controllers, and KWOK for nodes and pods. */
export const embedded: Provider = {
  name: 'embedded',
  startsFromSavedState: true,

  async check({ controlPlaneMemory, kyvernoLimits }, { name, nodeImage }) {
    if (nodeImage !== undefined) throw onKindOnly(`Profile ${name}`, 'it is about nodes in containers');
    if (kyvernoLimits === true)
      throw onKindOnly('--kyverno-limits', 'a process has no requests, and no limits of its own');
    if (controlPlaneMemory !== undefined) await requireMemoryLimits();
  },

  up(record, profile, context, startingState) {
    const bringUp = new EmbeddedUp(record, profile, context, startingState);
    return bringUp.plans();
  },

  async down(name, context) {
    const directory = clusterDirectory(context.paths, name);
    const runit = await resolveRunit(context, { update: () => undefined });
    await new RunitSupervisor(directory, runit, context).shutdown();
    await removeCgroups(name);
  },

  load: (record, profile, context) => EmbeddedCluster.load(record, profile, context),
};

function onKindOnly(what: string, why: string): Failure {
  return new Failure({
    kind: 'usage',
    what: `${what} needs kind`,
    why,
    hint: 'Start Docker and use --provider kind, or leave it out.',
  });
}

/** The steps of one `up`, and what they know of each other. */
class EmbeddedUp {
  readonly #record: ClusterRecord;
  readonly #profile: Profile;
  readonly #context: Context;
  readonly #startingState: () => string;
  #programs: ReadonlyMap<string, string> = new Map();

  constructor(record: ClusterRecord, profile: Profile, context: Context, startingState: () => string) {
    this.#record = record;
    this.#profile = profile;
    this.#context = context;
    this.#startingState = startingState;
  }

  plans(): ProviderPlans {
    const { kubernetes, etcd, kwok } = this.#profile;
    const { controlPlanes } = this.#record.spec;
    const servers = controlPlanes === 1 ? 'kube-apiserver' : `${controlPlanes} kube-apiservers`;
    return {
      prepare: [
        {
          id: 'embedded.programs',
          title: 'Get the programs',
          run: (state, progress) => this.#resolve(state, progress),
        },
        { id: 'embedded.keys', title: 'Make keys and kubeconfigs', run: (state) => this.#keys(state) },
      ],
      controlPlane: [
        {
          id: 'embedded.control-plane',
          title: `Start etcd ${etcd} and ${servers} ${kubernetes}`,
          run: (state) => this.#controlPlane(state),
        },
      ],
      nodes: [
        {
          id: 'embedded.controllers',
          title: `Start kube-controller-manager, kube-scheduler and KWOK ${kwok}`,
          run: (state) => this.#controllers(state),
        },
        { id: 'embedded.nodes', title: 'Register nodes', run: (state) => registerNodes(state.cluster) },
      ],
    };
  }

  async #resolve(state: UpState, progress: Progress): Promise<undefined> {
    await resolveRunit(this.#context, progress);
    this.#programs = await resolvePrograms(this.#profile, this.#context, progress);
    state.cluster = await EmbeddedCluster.load(this.#record, this.#profile, this.#context);
    return undefined;
  }

  async #keys({ cluster }: UpState): Promise<undefined> {
    await makeKeys(cluster.pki);
    await writeKubeconfigs(this.#record, cluster.directory, cluster.pki);
    return undefined;
  }

  async #controlPlane({ cluster }: UpState): Promise<string | undefined> {
    const { directory, pki, supervisor } = cluster;
    await this.#startFromSaved(directory);
    for (const [file, content] of apiserverFiles(directory)) await writeFileIfChanged(file, content);
    await makePrivateDirectory(directory);
    const { name, controlPlanes, controlPlaneMemory } = this.#record.spec;
    const groups =
      controlPlaneMemory === undefined ? [] : await limitMemory(name, controlPlanes, controlPlaneMemory);
    const cgroups = (machine: number): string[] =>
      groups.slice(machine - 1, machine).map(({ procs }) => procs);
    const apiserver = this.#program('kube-apiserver');
    const services = [
      etcdService(this.#program('etcd'), this.#record, directory, pki),
      ...apiserverServices(apiserver, this.#record, this.#profile, directory, pki, cgroups),
    ];
    const started = await supervisor.apply(services);
    await supervisor.remove(surplus(await supervisor.names(), controlPlanes));
    if (controlPlaneMemory === undefined) await removeCgroups(name);
    await waitForApiservers(cluster, this.#context);
    return started.length === 0 ? 'already running' : undefined;
  }

  /** Gives an etcd that has no data yet those of the saved one. One that cannot be read is left out, and removed. */
  async #startFromSaved(directory: string): Promise<void> {
    const { etcdData } = layout(directory);
    if (await exists(etcdData)) return;
    const file = this.#startingState();
    if (!(await exists(file))) return;
    try {
      const etcdutl = this.#program('etcdutl');
      const wanted = { etcdutl, file, etcdData, known: false };
      await rename(await restoreEtcd(this.#record, wanted, this.#context), etcdData);
    } catch (error) {
      if (this.#context.signal.aborted) throw error;
      await rm(file, { force: true });
    }
  }

  async #controllers({ cluster }: UpState): Promise<string | undefined> {
    const programs = {
      controllerManager: this.#program('kube-controller-manager'),
      scheduler: this.#program('kube-scheduler'),
      kwok: this.#program('kwok'),
    };
    const [kwok] = (await cluster.supervisor.status()).filter(({ name }) => name === 'kwok');
    if (kwok?.pid === undefined) await releaseNodes(cluster);
    const started = await cluster.supervisor.apply(
      controllerServices(programs, this.#record, this.#profile.kubernetes, cluster.directory, cluster.pki),
    );
    return started.length === 0 ? 'already running' : undefined;
  }

  #program(name: string): string {
    const program = this.#programs.get(name);
    if (program === undefined) throw new Error(`${name} was not resolved`);
    return program;
  }
}

/** API servers of an earlier `up` that asked for more of them. */
function surplus(names: readonly string[], controlPlanes: number): string[] {
  return names.filter((name) => Number(/^kube-apiserver-(\d+)$/.exec(name)?.[1] ?? 0) > controlPlanes);
}
