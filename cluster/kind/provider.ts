import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { exists } from '../../lib/files.ts';
import type { Progress } from '../../lib/steps.ts';
import { writeAdminKubeconfig } from '../keys.ts';
import type { Profile } from '../profile.ts';
import type { Provider, ProviderPlans, UpState } from '../provider.ts';
import { clusterDirectory, type ClusterRecord } from '../record.ts';
import { resolveRunit } from '../supervisor/resolve.ts';
import { RunitSupervisor } from '../supervisor/runit.ts';
import { resolveBinaries } from '../toolchain/resolve.ts';
import { KindCluster } from './cluster.ts';
import { requireEngine, type Engine } from './engine.ts';
import { ensureBalancerImage } from './image/balancer.ts';
import { chooseNodeImage, imageOfNodes, requirePackages, type NodeImage } from './image/choose.ts';
import { KIND_MODULE } from './image/root.ts';
import { makeKeys } from './keys.ts';
import { requireKnownEngine } from './known-engine.ts';
import { layout, nodesOf } from './layout.ts';
import { limitMemory } from './limit-memory.ts';
import { loadMissingImages } from './load-images.ts';
import { bringUpNodes } from './nodes.ts';
import { removeOwn, requireOwnName } from './owner.ts';
import { openPodFiles } from './pod-files.ts';
import { waitForApiservers, waitForNodes } from './readiness.ts';
import { finishRestore } from './snapshot.ts';

/** Real nodes in containers, made by kind: real kubelets, real pods. */
export const kind: Provider = {
  name: 'kind',
  startsFromSavedState: false, // kubeadm writes into an empty one, Secrets of this cluster's own among it

  async check(spec, profile, context) {
    const engine = await requireEngine(context);
    if (profile.podSecurityPolicy) {
      throw new Failure({
        kind: 'usage',
        what: `Profile ${profile.name} does not run on kind`,
        why: 'node images are made for Kubernetes without PodSecurityPolicy',
        hint: 'Use --provider embedded.',
      });
    }
    const directory = clusterDirectory(context.paths, spec.name);
    await requireOwnName(spec.name, directory, engine, context);
    await requirePackages(spec, profile, directory, engine, context);
  },

  up(record, profile, context) {
    return new KindUp(record, profile, context).plans();
  },

  async down(name, context) {
    const directory = clusterDirectory(context.paths, name);
    const runit = await resolveRunit(context, { update: () => undefined });
    await new RunitSupervisor(directory, runit, context).shutdown();
    // Without this directory no container was ever made for the cluster, and no engine is needed to remove it.
    if (!(await exists(layout(directory).kind))) return;
    const engine = await requireKnownEngine(directory, context);
    await removeOwn(directory, engine, context);
    await openPodFiles('ours', directory, engine, context);
  },

  load: (record, profile, context) => KindCluster.load(record, profile, context),
};

/** The steps of one `up`, and what they know of each other. */
class KindUp {
  readonly #record: ClusterRecord;
  readonly #profile: Profile;
  readonly #context: Context;
  #engine: Engine | undefined;
  #kind = '';
  #image: NodeImage | undefined;

  constructor(record: ClusterRecord, profile: Profile, context: Context) {
    this.#record = record;
    this.#profile = profile;
    this.#context = context;
  }

  plans(): ProviderPlans {
    const count = nodesOf(this.#record).length;
    return {
      prepare: [
        {
          id: 'kind.programs',
          title: 'Get kind and find a container engine',
          run: (state, progress) => this.#programs(state, progress),
        },
        {
          id: 'kind.image',
          title: 'Get the node image',
          run: (state, progress) => this.#nodeImage(state, progress),
        },
        { id: 'kind.keys', title: 'Make keys and kubeconfigs', run: (state) => this.#keys(state) },
      ],
      controlPlane: [
        {
          id: 'kind.nodes',
          title: `Bring up ${count === 1 ? 'a node' : `${count} nodes`} with kind`,
          run: (state, progress) => this.#nodes(state, progress),
        },
        {
          id: 'kind.images',
          title: "Load the platform's images into the nodes",
          run: (_, progress) =>
            loadMissingImages(this.#record, this.#profile, this.#requireEngine(), this.#context, progress),
        },
        {
          id: 'kind.apiservers',
          title: 'Wait for the API servers',
          run: (state) => this.#apiservers(state),
        },
      ],
      nodes: [{ id: 'kind.ready', title: 'Wait for the nodes', run: (state) => this.#ready(state) }],
    };
  }

  async #programs(state: UpState, progress: Progress): Promise<string> {
    const directory = clusterDirectory(this.#context.paths, this.#record.spec.name);
    this.#engine = await requireKnownEngine(directory, this.#context);
    const refs = [
      { module: KIND_MODULE, binary: 'kind' },
      { module: `kubernetes-${this.#profile.kubernetes}`, binary: 'kubectl' },
    ];
    this.#kind = (await resolveBinaries(refs, this.#context, progress)).get('kind') ?? '';
    state.cluster = await KindCluster.load(this.#record, this.#profile, this.#context);
    return `${this.#engine.name} ${this.#engine.version}`;
  }

  async #nodeImage({ cluster }: UpState, progress: Progress): Promise<string> {
    const engine = this.#requireEngine();
    this.#image = await imageOfNodes(cluster.directory);
    if (this.#image !== undefined) return `${this.#image.reference}, of the nodes that there are`;
    const { image, said } = await chooseNodeImage(this.#profile, engine, this.#context, progress);
    if (this.#record.spec.controlPlanes > 1) await ensureBalancerImage(engine, this.#context, progress);
    this.#image = image;
    return said;
  }

  async #keys({ cluster }: UpState): Promise<undefined> {
    await makeKeys(cluster.pki);
    await writeAdminKubeconfig(this.#record, cluster.directory, cluster.pki);
    return undefined;
  }

  async #nodes({ cluster }: UpState, progress: Progress): Promise<string> {
    if (this.#image === undefined) throw new Error('the node image is chosen before there are nodes');
    const input = {
      record: this.#record,
      profile: this.#profile,
      directory: cluster.directory,
      pki: cluster.pki,
      engine: this.#requireEngine(),
      kind: this.#kind,
      image: this.#image,
    };
    const done = await bringUpNodes(input, this.#context, progress);
    const limited = await limitMemory(this.#record, this.#requireEngine(), this.#context);
    return limited === undefined ? done : `${done}, memory: ${limited}`;
  }

  async #apiservers({ cluster }: UpState): Promise<string | undefined> {
    const engine = this.#requireEngine();
    const finished = await finishRestore(this.#record, engine, this.#context);
    await waitForApiservers(cluster, engine, this.#context);
    return finished ? 'an interrupted restore was brought to its end' : undefined;
  }

  async #ready({ cluster }: UpState): Promise<string> {
    const client = await cluster.client();
    try {
      return await waitForNodes(this.#record, client, this.#context);
    } finally {
      await client.close();
    }
  }

  #requireEngine(): Engine {
    if (this.#engine === undefined) throw new Error('the engine is found in the first step');
    return this.#engine;
  }
}
