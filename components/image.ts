import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../cluster/provider.ts';
import type { Context } from '../lib/context.ts';
import { exists, makePrivateDirectory } from '../lib/files.ts';
import { LDAP_SERVICE, ldapDirectory, ldapFiles } from './ldap/index.ts';
import { SERVICE_NAME as MAINTAIN_KUBEUSERS } from './maintain-kubeusers/index.ts';

/** What an image consists of, in a directory of its own. */
function parts(image: string) {
  return {
    etcd: path.join(image, 'etcd.db'),
    data: path.join(image, 'data'),
    /** Not in that of a fresh cluster: `up` makes the default accounts. */
    ldap: path.join(image, 'ldap'),
  };
}

/** What stands still while LDAP's database is copied or replaced: its server, and whoever would take its absence for news. */
const WITH_LDAP = [MAINTAIN_KUBEUSERS, LDAP_SERVICE];

/** Tool and admin homes. */
function homes(directory: string): string {
  return path.join(directory, 'data');
}

/**
 * Saves what a cluster knows to a directory: etcd's database and the homes, which belong together (the state ConfigMaps in
 * the one say what is in the other), and LDAP's database if asked for. The API stays up. Complete or not there at all.
 */
export async function saveImage(
  cluster: Cluster,
  image: string,
  { ldap }: { readonly ldap: boolean },
  context: Context,
): Promise<void> {
  const making = `${image}.making`;
  await rm(making, { recursive: true, force: true });
  await makePrivateDirectory(making);
  const into = parts(making);
  const save = async (): Promise<void> => {
    await cluster.saveState(into.etcd);
    await cluster.podHost?.openFiles('readable');
    await copyTree(homes(cluster.directory), into.data, context);
    if (ldap) await copyTree(ldapFiles(ldapDirectory(cluster)).database, into.ldap, context);
  };
  if (ldap) await standingStill(cluster, save);
  else await save();
  await rm(image, { recursive: true, force: true });
  await rename(making, image);
}

/** Back to an image: etcd, homes, and its LDAP, or one without any accounts. `up` then starts what this stops. */
export async function restoreImage(cluster: Cluster, image: string, context: Context): Promise<void> {
  const from = parts(image);
  const { supervisor, directory } = cluster;
  // The loop first: it must not see an LDAP without the accounts that the API still has.
  await supervisor.stop(WITH_LDAP);
  const { database } = ldapFiles(ldapDirectory(cluster));
  const restoring = `${database}.restoring`;
  await rm(restoring, { recursive: true, force: true });
  const known = await exists(from.ldap);
  if (known) await copyTree(from.ldap, restoring, context);
  await rm(database, { recursive: true, force: true });
  if (known) await rename(restoring, database);
  await cluster.restoreState(from.etcd);
  await cluster.podHost?.openFiles('ours');
  await emptyHomes(homes(directory));
  await copyTree(`${from.data}/.`, homes(directory), context);
}

async function standingStill({ supervisor }: Cluster, work: () => Promise<void>): Promise<void> {
  await supervisor.stop(WITH_LDAP);
  try {
    await work();
  } finally {
    await supervisor.start(WITH_LDAP.toReversed());
  }
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

/** With owners, modes, times and holes: homes belong to their tools. Node's own copy keeps no owners. */
async function copyTree(from: string, to: string, { runner, signal }: Context): Promise<void> {
  await runner.run('cp', ['-a', from, to], {
    signal,
    hint: 'Free some disk space, and run the command again.',
  });
}
