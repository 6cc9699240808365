import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { makePrivateDirectory } from '../../lib/files.ts';
import { acquireLock } from '../../lib/lock.ts';
import { findEngine } from '../kind/engine.ts';
import { imageEntries, imagesDirectory, removeBuildContainer } from '../kind/image/entries.ts';
import { removeUnused } from '../kind/image/own-images.ts';
import { binDirectory, cacheEntry, isBuildDirectory, lockFile } from '../toolchain/cache.ts';
import { loadCatalogue, MODULES_DIRECTORY } from '../toolchain/catalogue.ts';
import { aptEntry, debianDirectory, debianEntry } from '../toolchain/debian.ts';
import { goCaches, IMAGE_OS, PLATFORM } from '../toolchain/go.ts';
import { HOST_SET_NAMES } from '../toolchain/host-programs.ts';
import { directorySize } from './sizes.ts';

/** What was removed, with the bytes that each freed: files by their paths, images by their names. */
export type Pruned = readonly { readonly path: string; readonly bytes: number }[];

/**
 * Removes what no cluster needs: Go's caches, programs of versions or flags that are no longer pinned, what killed
 * runs left, and images of ours that no container was made of, where an engine answers. Current programs stay.
 * @throws Failure `busy` while a build is under way
 */
export async function prune(context: Context, modules = MODULES_DIRECTORY): Promise<Pruned> {
  const { cache } = context.paths;
  const catalogue = [...(await loadCatalogue(modules)).values()];
  const systems = [...new Set([PLATFORM.os, IMAGE_OS])];
  const entries = await Promise.all(
    catalogue.flatMap((module) => systems.map((os) => cacheEntry(module, cache, os))),
  );
  const sets = await Promise.all(HOST_SET_NAMES.map((set) => debianEntry(set, cache)));
  const keep = new Set([...entries, ...sets].map(({ directory }) => directory));
  await makePrivateDirectory(binDirectory(cache));
  await makePrivateDirectory(debianDirectory(cache));
  await makePrivateDirectory(imagesDirectory(cache));
  const building = [...entries, ...imageEntries(cache), aptEntry(cache)];
  return whileNothingBuilds(building.map(lockFile), context, async () => {
    const caches = goCaches(context.paths);
    const stale = [
      ...(await children(binDirectory(cache))),
      ...(await children(debianDirectory(cache))),
      ...(await children(imagesDirectory(cache))),
    ].filter((file) => !keep.has(file) && isEntry(file));
    const removed: { path: string; bytes: number }[] = [];
    for (const file of [caches.build, caches.modules, ...stale]) {
      const bytes = (await directorySize(file, context)) ?? 0;
      await rm(file, { recursive: true, force: true, maxRetries: 5 });
      if (bytes > 0) removed.push({ path: file, bytes });
    }
    return [...removed, ...(await pruneImages(context))];
  });
}

async function pruneImages(context: Context): Promise<Pruned> {
  const answer = await findEngine(context);
  if (!('engine' in answer)) return [];
  await removeBuildContainer(answer.engine, context);
  const images = await removeUnused(answer.engine, context);
  return images.map(({ name, bytes }) => ({ path: name, bytes }));
}

/** An entry or what is left of one; locks go with those who hold them. */
function isEntry(file: string): boolean {
  return isBuildDirectory(file) || !/\.lock(\.|$)/.test(path.basename(file));
}

async function children(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.map((name) => path.join(directory, name));
}

async function whileNothingBuilds<T>(
  locks: readonly string[],
  context: Context,
  work: () => Promise<T>,
): Promise<T> {
  const releases: (() => Promise<void>)[] = [];
  try {
    for (const lock of locks) {
      releases.push(
        await acquireLock(lock, { command: 'doctor --prune', clock: context.clock, signal: context.signal }),
      );
    }
    return await work();
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'busy') throw error;
    throw new Failure({
      kind: 'busy',
      what: 'Nothing was removed while a build is under way',
      why: error.what,
      hint: 'Wait for it to end, and run the command again.',
      cause: error,
    });
  } finally {
    for (const release of releases) await release();
  }
}
