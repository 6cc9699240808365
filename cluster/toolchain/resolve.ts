import type { Context } from '../../lib/context.ts';
import type { Progress } from '../../lib/steps.ts';
import { exists } from '../../lib/files.ts';
import { buildBinaries } from './build.ts';
import { binaryPath, cacheEntry, filesPath, isProgram, withEntryLock } from './cache.ts';
import { loadCatalogue, MODULES_DIRECTORY, pinnedModule, type PinnedModule } from './catalogue.ts';
import { PLATFORM } from './go.ts';
import { copyFiles } from './module-files.ts';

/** A program, named by the pinned module that it is built from: `{module: 'kubernetes-1.33.13', binary: 'kubectl'}`. */
export interface BinaryRef {
  readonly module: string;
  readonly binary: string;
}

/**
 * The absolute paths of programs by name. What is not in the cache is built from its pinned Go module: all programs
 * of a module in one run of Go, one module after the other, once however many processes ask. With everything
 * cached this looks at files only, in milliseconds.
 * @param modules the directory of pinned modules; tests have their own
 * @param os what they are for: this machine, or images
 * @throws Failure `environment` when a build is needed and cannot be done; `usage` for a version that is not pinned
 */
export async function resolveBinaries(
  wanted: readonly BinaryRef[],
  context: Context,
  progress: Progress,
  modules = MODULES_DIRECTORY,
  os: string = PLATFORM.os,
): Promise<ReadonlyMap<string, string>> {
  const catalogue = await loadCatalogue(modules);
  const found = new Map<string, string>();
  for (const [id, refs] of Map.groupBy(wanted, (ref) => ref.module)) {
    const names = [...new Set(refs.map((ref) => ref.binary))];
    const paths = await resolveModule(pinnedModule(catalogue, id), names, os, context, progress);
    for (const [name, file] of paths) {
      if (found.has(name)) throw new Error(`${name} is wanted from two modules`);
      found.set(name, file);
    }
  }
  return found;
}

/** The path of files that belong to a pinned module: `moduleFiles('kyverno-1.18.2', 'chart', …)`. */
export async function moduleFiles(
  id: string,
  name: string,
  context: Context,
  progress: Progress,
  modules = MODULES_DIRECTORY,
): Promise<string> {
  const module = pinnedModule(await loadCatalogue(modules), id);
  if (module.files[name] === undefined) throw new Error(`${id} has no files called ${name}`);
  const entry = await cacheEntry(module, context.paths.cache);
  const target = filesPath(entry, name);
  if (!(await exists(target))) {
    await withEntryLock(entry, module.title, context, progress, () =>
      copyFiles(module, entry, context, progress),
    );
  }
  return target;
}

async function resolveModule(
  module: PinnedModule,
  names: readonly string[],
  os: string,
  context: Context,
  progress: Progress,
): Promise<ReadonlyMap<string, string>> {
  const entry = await cacheEntry(module, context.paths.cache, os);
  const missing = async (): Promise<string[]> => {
    const present = await Promise.all(names.map((name) => isProgram(binaryPath(entry, name))));
    return names.filter((_, index) => present[index] !== true);
  };
  if ((await missing()).length > 0) {
    await withEntryLock(entry, module.title, context, progress, async () => {
      const toBuild = await missing(); // another process may have built them while we waited
      if (toBuild.length === 0) return;
      await buildBinaries(module, toBuild, os, entry, context, progress);
      await copyFiles(module, entry, context, progress);
    });
  }
  return new Map(names.map((name) => [name, binaryPath(entry, name)]));
}
