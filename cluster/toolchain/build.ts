import { mkdir, open, rename, statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/sizes.ts';
import type { Progress } from '../../lib/steps.ts';
import { binaryPath, buildDirectory, type CacheEntry } from './cache.ts';
import type { PinnedModule } from './catalogue.ts';
import { spaceForBuild } from './costs.ts';
import { diskHint, goFailure } from './failures.ts';
import { buildFlags, goEnvironment, memoryForBuilds, parallelism, PLATFORM, requireGo } from './go.ts';
import { GoOutput, narrate } from './progress.ts';

/**
 * Builds programs of one module into its cache entry, in one run of Go. Each appears there whole and checked, or
 * not at all. The caller holds the entry's lock.
 * @param os what they are for, as the entry has it
 * @throws Failure `environment` when there is no suitable Go, no network, no disk, or the build itself fails
 */
export async function buildBinaries(
  module: PinnedModule,
  binaries: readonly string[],
  os: string,
  entry: CacheEntry,
  context: Context,
  progress: Progress,
): Promise<void> {
  await requireGo(module, context);
  const packages = binaries.map((binary) => packageOf(module, binary));
  const output = path.join(buildDirectory(entry), 'bin');
  const work = path.join(buildDirectory(entry), 'work');
  await mkdir(output, { recursive: true, mode: 0o700 });
  await mkdir(work, { mode: 0o700 });
  let doing = (): string => 'looking at its sources';
  const build = async (show: () => void): Promise<void> => {
    const listing = new GoOutput([]);
    doing = () => listing.downloading();
    const stale = await countStale(module, packages, os, listing, context);
    await requireSpace(module, stale, binaries.length, context);
    const building = new GoOutput(packages);
    doing = () => building.building(stale);
    show();
    // `-o` with a directory names each program itself; GOTMPDIR: /tmp is small and in memory on many machines.
    const atOnce = String(parallelism(availableParallelism(), memoryForBuilds()));
    const flags = ['-v', '-p', atOnce, ...buildFlags(module)];
    const args = ['build', ...flags, '-o', `${output}${path.sep}`, ...packages];
    await runGo(module, args, building, context, { ...goEnvironment(context, os), GOTMPDIR: work });
  };
  await narrate(module.title, () => doing(), context, progress, build);
  await publish(module, binaries, os, output, entry, context);
}

/** Moves what was built into the cache entry, each program checked before. */
async function publish(
  module: PinnedModule,
  binaries: readonly string[],
  os: string,
  output: string,
  entry: CacheEntry,
  context: Context,
): Promise<void> {
  await mkdir(entry.directory, { recursive: true, mode: 0o700 });
  for (const binary of binaries) {
    const built = path.join(output, executableName(packageOf(module, binary)));
    await checkProgram(module, binary, os, built, context);
    await syncFile(built); // the rename must not reach the disk before the content
    await rename(built, binaryPath(entry, binary));
  }
}

/**
 * How many packages have to be compiled. `go list` also downloads every source that is missing, so this is where
 * a first build spends its first minutes; with all sources here it takes one to three seconds.
 */
async function countStale(
  module: PinnedModule,
  packages: readonly string[],
  os: string,
  log: GoOutput,
  context: Context,
): Promise<number> {
  let stale = 0;
  const args = ['list', '-deps', ...buildFlags(module), '-f', '{{if .Stale}}stale{{end}}', ...packages];
  await runGo(module, args, log, context, goEnvironment(context, os), (line) => {
    if (line === 'stale') stale += 1;
  });
  return stale;
}

async function runGo(
  module: PinnedModule,
  args: readonly string[],
  log: GoOutput,
  context: Context,
  env: Readonly<Record<string, string>>,
  onLine?: (line: string) => void,
): Promise<void> {
  try {
    await context.runner.run('go', args, {
      cwd: module.directory,
      env,
      signal: context.signal,
      onLine: (line) => {
        log.line(line);
        onLine?.(line);
      },
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw goFailure(module, log.messages, error, context.paths.cache);
  }
}

async function requireSpace(
  module: PinnedModule,
  packages: number,
  binaries: number,
  context: Context,
): Promise<void> {
  const { bavail, bsize } = await statfs(context.paths.cache);
  const free = bavail * bsize;
  const needed = spaceForBuild(packages, binaries);
  if (free >= needed) return;
  throw new Failure({
    kind: 'environment',
    what: `There is not enough disk space to build ${module.title}`,
    why: `${formatBytes(free)} are free in ${context.paths.cache}, about ${formatBytes(needed)} are needed`,
    hint: diskHint(context.paths.cache),
  });
}

/** A program of the package that we asked for, for that platform: what Go noted in it says so. */
async function checkProgram(
  module: PinnedModule,
  binary: string,
  os: string,
  file: string,
  context: Context,
): Promise<void> {
  const { stdout } = await context.runner.run('go', ['version', '-m', file], {
    env: goEnvironment(context),
    signal: context.signal,
  });
  const noted = new Set(stdout.split('\n').map((line) => line.trim().replaceAll('\t', ' ')));
  const expected = [`path ${packageOf(module, binary)}`, `build GOOS=${os}`, `build GOARCH=${PLATFORM.arch}`];
  const missing = expected.filter((line) => !noted.has(line));
  if (missing.length === 0) return;
  throw new Error(`${file} is not the ${binary} of ${module.id}: it lacks ${missing.join(', ')}`);
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function packageOf(module: PinnedModule, binary: string): string {
  const found = module.binaries[binary];
  if (found === undefined) throw new Error(`${module.id} has no binary called ${binary}`);
  return found;
}

/** How `go build -o DIR/` calls the program of a package: the last element of its path that is no major version. */
export function executableName(importPath: string): string {
  const elements = importPath.split('/');
  const last = elements.at(-1) ?? importPath;
  const isVersion = /^v([2-9]|[1-9]\d+)$/.test(last);
  return (isVersion ? elements.at(-2) : last) ?? importPath;
}
