import { chmod, copyFile, mkdir, readdir, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { Progress } from '../../lib/steps.ts';
import { exists } from '../../lib/files.ts';
import { buildDirectory, filesPath, type CacheEntry } from './cache.ts';
import type { PinnedModule } from './catalogue.ts';
import { goFailure } from './failures.ts';
import { goEnvironment } from './go.ts';
import { GoOutput, narrate } from './progress.ts';

/** What `go mod download -json` says about a module. */
const downloaded = z.object({ Dir: z.string() });

/**
 * Copies the files that belong to a module's programs (Kyverno's chart) from Go's module cache, which verified
 * them, into the cache entry, where they outlive it. The caller holds the entry's lock.
 */
export async function copyFiles(
  module: PinnedModule,
  entry: CacheEntry,
  context: Context,
  progress: Progress,
): Promise<void> {
  for (const [name, source] of Object.entries(module.files)) {
    const target = filesPath(entry, name);
    if (await exists(target)) continue;
    const root = await downloadModule(module, source.module, context, progress);
    const temporary = path.join(buildDirectory(entry), 'files', name);
    await copyTree(path.join(root, source.path), temporary);
    await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
    await rename(temporary, target);
  }
}

/** Where the sources of a required module are, in the version that go.mod pins. */
async function downloadModule(
  module: PinnedModule,
  required: string,
  context: Context,
  progress: Progress,
): Promise<string> {
  const log = new GoOutput([]);
  try {
    const { stdout } = await narrate(
      module.title,
      () => `downloading ${required}`,
      context,
      progress,
      () =>
        context.runner.run('go', ['mod', 'download', '-json', required], {
          cwd: module.directory,
          env: goEnvironment(context),
          signal: context.signal,
        }),
    );
    return downloaded.parse(JSON.parse(stdout)).Dir;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    for (const line of (error.why ?? '').split('\n')) log.line(line);
    throw goFailure(module, log.messages, error, context.paths.cache);
  }
}

/** Copies a file or a directory; the modes are ours, since Go's cache may be read-only. */
async function copyTree(source: string, target: string): Promise<void> {
  if (!(await stat(source)).isDirectory()) {
    await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
    await copyFile(source, target);
    await chmod(target, 0o600);
    return;
  }
  await mkdir(target, { recursive: true, mode: 0o700 });
  for (const name of await readdir(source)) await copyTree(path.join(source, name), path.join(target, name));
}
