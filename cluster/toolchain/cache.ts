import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { makePrivateDirectory, statIfExists } from '../../lib/files.ts';
import { acquireLock } from '../../lib/lock.ts';
import type { Progress } from '../../lib/steps.ts';
import type { PinnedModule } from './catalogue.ts';
import { diskFailure } from './failures.ts';
import { buildFlags, PLATFORM } from './go.ts';

/** Where the programs and files of one pinned module are, for one platform and one set of build flags. */
export interface CacheEntry {
  /** `<cache>/bin/kubernetes-1.33.13-linux-amd64-1a2b3c4d` */
  readonly directory: string;
}

/** The directory of all entries. */
export function binDirectory(cache: string): string {
  return path.join(cache, 'bin');
}

/** Anything that changes what is built changes the entry: the pinned sources, the flags, the platform. */
export async function cacheEntry(
  module: PinnedModule,
  cache: string,
  os: string = PLATFORM.os,
): Promise<CacheEntry> {
  const hash = createHash('sha256').update(JSON.stringify(buildFlags(module)));
  for (const file of await sourceFiles(module.directory)) {
    hash.update(`\0${file}\0`).update(await readFile(path.join(module.directory, file)));
  }
  const key = hash.digest('hex').slice(0, 8);
  return { directory: path.join(binDirectory(cache), `${module.id}-${os}-${PLATFORM.arch}-${key}`) };
}

async function sourceFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => name === 'go.mod' || name === 'go.sum' || name.endsWith('.go')).sort();
}

export function binaryPath(entry: CacheEntry, binary: string): string {
  return path.join(entry.directory, binary);
}

export function filesPath(entry: CacheEntry, name: string): string {
  return path.join(entry.directory, 'files', name);
}

/** Programs are renamed into the cache when they are complete and checked, so what is there is whole. */
export async function isProgram(file: string): Promise<boolean> {
  const found = await statIfExists(file);
  return found?.isFile() === true && found.size > 0 && (found.mode & constants.S_IXUSR) !== 0;
}

/** What every temporary directory beside an entry begins with; the rest is the process. */
const BUILDING = '.building-';

/** The directory that this process fills for the entry, on the same file system. */
export function buildDirectory(entry: CacheEntry): string {
  return `${entry.directory}${BUILDING}${process.pid}`;
}

/** Whether a name in a cache directory is what a killed run left (or what a running one fills). */
export function isBuildDirectory(name: string): boolean {
  return name.includes(BUILDING);
}

/**
 * Does some work on an entry while no other process does. What killed runs left beside the entry goes first: a
 * compiler that outlived its parent then has no directory to write to, and ends.
 * @throws Failure `environment` when the cache cannot be written, besides what the work throws
 */
export async function withEntryLock<T>(
  entry: CacheEntry,
  title: string,
  context: Context,
  progress: Progress,
  work: () => Promise<T>,
): Promise<T> {
  try {
    await makePrivateDirectory(path.dirname(entry.directory));
    const release = await acquireLock(lockFile(entry), {
      command: `prepare ${title}`,
      clock: context.clock,
      signal: context.signal,
      onWait: (holder) => {
        progress.update(`${title}: waiting for ${holder}`);
      },
    });
    try {
      await removeLeftovers(entry);
      return await work();
    } finally {
      await removeLeftovers(entry).finally(release);
    }
  } catch (error) {
    throw diskFailure(title, error, context.paths.cache) ?? error;
  }
}

export function lockFile(entry: CacheEntry): string {
  return `${entry.directory}.lock`;
}

async function removeLeftovers(entry: CacheEntry): Promise<void> {
  const parent = path.dirname(entry.directory);
  const prefix = `${path.basename(entry.directory)}${BUILDING}`;
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  // A process that is just ending may still write: `maxRetries` tries again on ENOTEMPTY.
  for (const name of names) {
    await rm(path.join(parent, name), { recursive: true, force: true, maxRetries: 5 });
  }
}
