import { realpath, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../../../cluster/provider.ts';
import type { Context } from '../../../lib/context.ts';
import { makePrivateDirectory, writeFileIfChanged } from '../../../lib/files.ts';
import { insideOf, wrapper, type CommandLine, type Session } from './session.ts';

/** Everything belongs to this user: nothing to switch, only the environment is the tool's. */
export async function asOwner(session: Session, cluster: Cluster, context: Context): Promise<CommandLine> {
  const { home, kubectl, equipment } = session;
  const programs = path.join(cluster.directory, 'maintain-kubeusers', 'bin');
  await makePrivateDirectory(programs);
  const link = path.join(programs, 'kubectl');
  // The cache may have moved since: the link is made for the program of today.
  if ((await realPath(link)) !== (await realPath(kubectl))) {
    await rm(link, { force: true });
    await symlink(kubectl, link);
  }
  for (const name of equipment.commands) {
    const file = path.join(programs, name);
    await writeFileIfChanged(file, wrapper(name, process.execPath, equipment.checkout), 0o700);
  }
  const places = { home, programs, generators: equipment.generators };
  const [program = '', ...args] = insideOf(session, places, context);
  return [program, args];
}

async function realPath(file: string): Promise<string | undefined> {
  return realpath(file).catch(() => undefined);
}
