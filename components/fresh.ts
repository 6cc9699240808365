import path from 'node:path';
import type { Cluster } from '../cluster/provider.ts';
import { Failure } from '../lib/errors.ts';
import { exists } from '../lib/files.ts';

/** The image of a fresh cluster, in its directory: what `reset` goes back to. */
export function freshImage({ directory }: Pick<Cluster, 'directory'>): string {
  return path.join(directory, 'images', 'fresh');
}

/** @throws Failure when there is nothing to go back to */
export async function requireFreshImage(cluster: Pick<Cluster, 'directory' | 'record'>): Promise<string> {
  const image = freshImage(cluster);
  if ((await exists(image)) && cluster.record.ready) return image;
  throw new Failure({
    kind: 'cluster',
    what: 'There is no image of the fresh cluster to go back to',
    why: cluster.record.ready ? `${image} is missing` : 'no `up` of this cluster ever ended well',
    hint: 'Run `npm run down`, then `npm run up`.',
  });
}
