import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { PrivateApt, type AptPackage } from './apt.ts';
import { nodeSources } from './debian-archive.ts';

/** Packages as files, verified by apt. */
export interface Debs {
  readonly packages: readonly AptPackage[];
  /** Absolute paths. */
  readonly files: readonly string[];
}

/**
 * apt for a tree that starts with nothing, from Debian's own archive: not for this host.
 * @param directory where it works; the caller removes it
 * @throws Failure `environment` where this host has nowhere to fetch them from
 */
export async function nodeApt(
  directory: string,
  context: Context,
  onLine: (line: string) => void,
): Promise<PrivateApt> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const sources = path.join(directory, 'sources.list');
  const status = path.join(directory, 'status');
  await writeFile(sources, (await nodeSources(context)).join(''));
  await writeFile(status, '');
  return new PrivateApt(directory, context, onLine, {
    'Dir::State::status': status,
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
  });
}

/** Downloads packages and everything they depend on. */
export async function fetchDebs(apt: PrivateApt, packages: readonly string[]): Promise<Debs> {
  const found = await apt.missingFor(packages);
  await apt.download(found);
  const names = (await readdir(apt.archives)).filter((name) => name.endsWith('.deb')).sort();
  return { packages: found, files: names.map((name) => path.join(apt.archives, name)) };
}

/** Unpacks packages side by side below a directory, without running anything of theirs. */
export async function unpackDebs(files: readonly string[], root: string, context: Context): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  for (const file of files) {
    await context.runner.run('dpkg-deb', ['-x', file, root], { signal: context.signal });
  }
}
