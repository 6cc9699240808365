import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { PrivateApt } from '../../cluster/toolchain/apt.ts';
import { buildDirectory, withEntryLock, type CacheEntry } from '../../cluster/toolchain/cache.ts';
import { fetchDebs, unpackDebs } from '../../cluster/toolchain/debs.ts';
import { PLATFORM } from '../../cluster/toolchain/go.ts';
import type { Context } from '../../lib/context.ts';
import { exists } from '../../lib/files.ts';

/** Debian's engine, what it and the runtime wrapper call, and a registry. */
const PACKAGES = ['docker.io', 'iptables', 'jq', 'docker-registry'];
const PROGRAMS = [
  'dockerd',
  'docker',
  'docker-init',
  'docker-proxy',
  'containerd',
  'containerd-shim-runc-v2',
  'docker-registry',
];

/** An unpacked engine: nothing of it is installed. */
export interface EnginePrograms {
  /** Holds links to all programs: for PATH. */
  readonly bin: string;
  /** What unpacked programs need: LD_LIBRARY_PATH, and where iptables finds its extensions. */
  readonly env: Readonly<Record<string, string>>;
}

/** Debian's docker.io, unpacked into the cache; downloaded the first time. */
export async function enginePrograms(context: Context): Promise<EnginePrograms> {
  const entry: CacheEntry = {
    directory: path.join(context.paths.cache, 'debian', `test-engine-2-${PLATFORM.arch}`),
  };
  if (!(await exists(entry.directory))) {
    await withEntryLock(entry, 'docker.io', context, { update: () => undefined }, async () => {
      if (await exists(entry.directory)) return;
      const work = buildDirectory(entry);
      await mkdir(work, { recursive: true, mode: 0o700 });
      const apt = new PrivateApt(path.join(work, 'apt'), context, () => undefined);
      await apt.update();
      const { files } = await fetchDebs(apt, PACKAGES);
      const tree = path.join(work, 'tree');
      await unpackDebs(files, path.join(tree, 'root'), context);
      await linkPrograms(tree);
      await rename(tree, entry.directory);
      await rm(work, { recursive: true, force: true });
    });
  }
  return programsAt(entry.directory);
}

async function programsAt(directory: string): Promise<EnginePrograms> {
  const libraries: string[] = [];
  for (const parent of ['usr/lib', 'lib']) {
    const triplet = path.join(
      directory,
      'root',
      parent,
      `${PLATFORM.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
    );
    if (await exists(triplet)) libraries.push(triplet);
  }
  const extensions = libraries.map((library) => path.join(library, 'xtables'));
  const present = await Promise.all(extensions.map(exists));
  const xtables = extensions[present.indexOf(true)];
  return {
    bin: path.join(directory, 'bin'),
    env: {
      LD_LIBRARY_PATH: libraries.join(':'),
      ...(xtables === undefined ? {} : { XTABLES_LIBDIR: xtables }),
    },
  };
}

async function linkPrograms(tree: string): Promise<void> {
  const bin = path.join(tree, 'bin');
  await mkdir(bin);
  const places = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];
  const link = async (name: string, target: string): Promise<void> => {
    for (const place of places) {
      if (!(await exists(path.join(tree, 'root', place, target)))) continue;
      await symlink(path.join('..', 'root', place, target), path.join(bin, name));
      return;
    }
    throw new Error(`Debian's packages have no ${target}`);
  };
  for (const name of PROGRAMS) await link(name, name);
  await link('real-runc', 'runc');
  // jq may be installed here already, and is then not among what was downloaded.
  await link('jq', 'jq').catch(() => undefined);
  for (const name of ['iptables', 'iptables-save', 'iptables-restore', 'ip6tables']) {
    await link(name, 'xtables-nft-multi');
  }
}
