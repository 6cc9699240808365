import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../cluster/provider.ts';
import type { Context } from '../lib/context.ts';
import { Failure } from '../lib/errors.ts';
import { exists, makePrivateDirectory } from '../lib/files.ts';
import { LDAP_SERVICE, ldapDirectory, ldapFiles } from './ldap/index.ts';
import { SERVICE_NAME as MAINTAIN_KUBEUSERS } from './maintain-kubeusers/index.ts';

/** The image of a fresh cluster, in its directory: what `reset` goes back to. */
function freshImage(directory: string): {
  readonly root: string;
  readonly etcd: string;
  readonly data: string;
} {
  const root = path.join(directory, 'images', 'fresh');
  return { root, etcd: path.join(root, 'etcd.db'), data: path.join(root, 'data') };
}

/** Tool and admin homes. */
function homes(directory: string): string {
  return path.join(directory, 'data');
}

/**
 * Saves etcd's database and the homes, which belong together: the state ConfigMaps in the one say what is in the
 * other. LDAP's default accounts need no image, `up` makes them. Complete or not there at all.
 */
export async function saveFreshImage(cluster: Cluster, context: Context): Promise<void> {
  const { root } = freshImage(cluster.directory);
  const making = `${root}.making`;
  await rm(making, { recursive: true, force: true });
  await makePrivateDirectory(making);
  await cluster.saveState(path.join(making, 'etcd.db'));
  await copyTree(homes(cluster.directory), path.join(making, 'data'), context);
  await rm(root, { recursive: true, force: true });
  await rename(making, root);
}

/** @throws Failure when there is nothing to go back to */
export async function requireFreshImage(cluster: Pick<Cluster, 'directory' | 'record'>): Promise<void> {
  const { root } = freshImage(cluster.directory);
  const there = await exists(root);
  if (there && cluster.record.ready) return;
  throw new Failure({
    kind: 'cluster',
    what: 'There is no image of the fresh cluster to go back to',
    why: cluster.record.ready ? `${root} is missing` : 'no `up` of this cluster ever ended well',
    hint: 'Run `npm run down`, then `npm run up`.',
  });
}

/** Back to the image: etcd, homes, and an LDAP without any accounts. `up` then starts what this stops. */
export async function restoreFreshImage(cluster: Cluster, context: Context): Promise<void> {
  const image = freshImage(cluster.directory);
  const { supervisor, directory } = cluster;
  // The loop first: it must not see an LDAP without the accounts that the API still has.
  await supervisor.stop([MAINTAIN_KUBEUSERS, LDAP_SERVICE]);
  await rm(ldapFiles(ldapDirectory(cluster)).database, { recursive: true, force: true });
  await cluster.restoreState(image.etcd);
  await emptyHomes(homes(directory));
  await copyTree(`${image.data}/.`, homes(directory), context);
}

/** Nodes have mounted `data/project`, so the directories stay and what is in them goes. */
async function emptyHomes(directory: string): Promise<void> {
  await makePrivateDirectory(directory);
  for (const kind of await readdir(directory)) {
    const parent = path.join(directory, kind);
    for (const name of await readdir(parent))
      await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

/** With owners, modes and times: homes belong to their tools. Node's own copy keeps no owners. */
async function copyTree(from: string, to: string, { runner, signal }: Context): Promise<void> {
  await runner.run('cp', ['-a', from, to], {
    signal,
    hint: 'Free some disk space, and run the command again.',
  });
}
