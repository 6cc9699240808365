import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import { moduleFiles } from '../../toolchain/resolve.ts';
import type { Engine } from '../engine.ts';
import { hasImage, runEngine } from '../engine.ts';
import { PAUSE_IMAGE } from './components.ts';
import { buildContainer, removeBuildContainer } from './entries.ts';
import type { PackageSource } from './packages.ts';
import { debFinder } from './trees.ts';

export const KIND_MODULE = 'kind-0.31.0';

/** Enough to run dpkg. `usr-is-merged` is in place of usrmerge, which would bring Perl. */
const ESSENTIAL = ['?essential', 'usr-is-merged'];

/** What a node needs of Debian. kind's base image has more: NFS and iSCSI clients, curl, FUSE. */
export const ROOT_PACKAGES = [
  ...ESSENTIAL,
  ...['systemd', 'hostname', 'procps', 'mount', 'kmod', 'jq'],
  ...['iproute2', 'iptables', 'nftables', 'conntrack', 'ethtool'],
  ...['containerd', 'runc', 'containernetworking-plugins'],
];

const HERE = import.meta.dirname;
const SCRIPT = path.join(HERE, 'root.sh');
const OURS = path.join(HERE, 'files');

/** The tag of the root file system: another one when what it is made of differs. Debian's updates do not count. */
export async function rootImage(): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([KIND_MODULE, ROOT_PACKAGES, PAUSE_IMAGE]));
  hash.update(await readFile(SCRIPT));
  for (const file of (await readdir(OURS, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )) {
    hash.update(`\0${file.name}\0`).update(await readFile(path.join(file.parentPath, file.name)));
  }
  return `toolforge-local/node-root:${hash.digest('hex').slice(0, 12)}`;
}

/**
 * Makes the root file system of nodes from Debian's packages, in the engine and without root: the essential packages are
 * unpacked as they are, which is enough to run dpkg, and dpkg then installs all of them properly.
 */
export async function buildRoot(
  tag: string,
  source: PackageSource,
  work: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  const { runner, signal } = context;
  const seed = path.join(work, 'seed');
  for (const directory of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(path.join(seed, 'usr', directory), { recursive: true, mode: 0o755 });
    await symlink(`usr/${directory}`, path.join(seed, directory));
  }
  const find = debFinder(source.files);
  for (const { name } of await source.apt.missingFor(ESSENTIAL)) {
    const tar = path.join(work, 'data.tar');
    await runner.run('sh', ['-c', 'exec dpkg-deb --fsys-tarfile "$0" > "$1"', find(name), tar], { signal });
    // Owners come when dpkg installs them; links to the merged directories stay links.
    await runner.run('tar', ['-C', seed, '--keep-directory-symlink', '--no-same-owner', '-xf', tar], {
      signal,
    });
    await rm(tar);
  }
  const name = buildContainer(context.paths.cache);
  const seedImage = `${tag}-seed`;
  const archive = path.join(work, 'root.tar');
  await runner.run('tar', ['-C', seed, '--owner=0', '--group=0', '--numeric-owner', '-cf', archive, '.'], {
    signal,
  });
  await removeImage(seedImage, engine, context); // what a killed build left would lose its name, and stay
  await runEngine(engine, context, ['import', archive, seedImage]);
  // A node's /run is a file system of its own, so the empty mount points are not seen in it.
  const mounts = [
    [source.directory, '/run/build/debs'],
    [
      await moduleFiles(KIND_MODULE, 'base-image-files', context, { update: () => undefined }),
      '/run/build/files',
    ],
    [OURS, '/run/build/ours'],
    [SCRIPT, '/run/build/root.sh'],
  ].flatMap(([from = '', to = '']) => ['--volume', `${from}:${to}:ro`]);
  try {
    await runEngine(engine, context, [
      ...['run', '--name', name, '--network', 'none', ...mounts, seedImage],
      ...['/bin/sh', '/run/build/root.sh', PAUSE_IMAGE],
    ]);
    // One layer, without what the seed had below.
    await runEngine(engine, context, ['export', '--output', archive, name]);
    await runEngine(engine, context, ['import', archive, tag]);
  } finally {
    await removeBuildContainer(engine, context);
    await removeImage(seedImage, engine, context);
  }
  await rm(archive);
  await rm(seed, { recursive: true, force: true });
}

async function removeImage(image: string, engine: Engine, context: Context): Promise<void> {
  if (await hasImage(engine, context, image)) await runEngine(engine, context, ['rmi', image]);
}
