import path from 'node:path';
import { readMarker } from '../cluster/open.ts';
import type { Profile } from '../cluster/profile.ts';
import type { UpState } from '../cluster/provider.ts';
import { withClient } from '../cluster/with-client.ts';
import type { Context } from '../lib/context.ts';
import { exists, makePrivateDirectory } from '../lib/files.ts';
import type { KubeObject } from '../lib/kube/types.ts';
import type { Step } from '../lib/steps.ts';
import { applyObjects, fingerprint, waitUntilServed } from './kyverno/index.ts';

/** Changes when a saved state of before must not be used any more. */
const FORMAT = 1;

/**
 * What every cluster of the same versions begins with: an etcd that holds what an API server writes at its first start, and
 * Kyverno's CRDs. Each API server needs some five seconds of a processor to take up 22 CRDs one by one, and a fraction of that
 * for those it finds when it starts. Saved once, before anything of a cluster's own is in it: no marker, no keys, no Secret.
 */
export class StartingState {
  readonly #crds: () => readonly KubeObject[];
  readonly #profile: Profile;
  readonly #context: Context;

  constructor(crds: () => readonly KubeObject[], profile: Profile, context: Context) {
    this.#crds = crds;
    this.#profile = profile;
    this.#context = context;
  }

  /** Its path, there or not; known once Kyverno's chart is rendered. Read from 3 MB of CRDs each time. */
  get file(): string {
    const { kubernetes, etcd, podSecurityPolicy } = this.#profile;
    const key = fingerprint([FORMAT, kubernetes, etcd, podSecurityPolicy, this.#crds()]);
    return path.join(this.#context.paths.cache, 'states', `kubernetes-${kubernetes}-${key}.db`);
  }

  /** Saves it, where there is none and this cluster has nothing of its own yet. */
  save(): Step<UpState> {
    return {
      id: 'starting-state.save',
      title: 'Save what a new cluster starts from',
      run: async ({ cluster }) => {
        const { file } = this;
        if (await exists(file)) return 'saved before';
        const marked = await withClient(cluster, async (client) => {
          if ((await readMarker(client)) !== undefined) return true;
          await applyObjects(client, this.#crds());
          await waitUntilServed(client, this.#crds(), this.#context);
          return false;
        });
        if (marked) return 'not from this cluster, which was begun before';
        await makePrivateDirectory(path.dirname(file));
        await cluster.saveState(file);
        return undefined;
      },
    };
  }
}
