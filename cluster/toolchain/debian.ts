import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { exists, readFileIfExists } from '../../lib/files.ts';
import type { Progress } from '../../lib/steps.ts';
import { aptFailure, parseDownload, PrivateApt, type AptPackage } from './apt.ts';
import { buildDirectory, isProgram, withEntryLock, type CacheEntry } from './cache.ts';
import { PLATFORM } from './go.ts';
import {
  checkSet,
  HOST_SETS,
  programsOf,
  readOsRelease,
  type HostProgram,
  type HostSet,
  type HostTool,
  type InstalledSet,
  type SetTools,
} from './host-programs.ts';
import { narrate } from './progress.ts';

/** Raised when what is kept of an unpacked set changes. */
const LAYOUT = 1;
const TITLE = 'Debian packages';

/** What was unpacked, beside the tree. */
const manifestSchema = z.object({
  version: z.string(),
  packages: z.array(z.object({ name: z.string(), version: z.string() })),
  /** Relative to the tree. */
  programs: z.record(z.string(), z.string()),
  libraries: z.array(z.string()),
});
type Manifest = z.infer<typeof manifestSchema>;

/** Whether this is Debian or one of its children, with apt. */
export async function hasApt(): Promise<boolean> {
  const needed = ['/var/lib/dpkg/status', '/usr/bin/apt-get', '/usr/bin/dpkg-deb'];
  const found = await Promise.all(needed.map(exists));
  return found.every(Boolean);
}

export function debianDirectory(cache: string): string {
  return path.join(cache, 'debian');
}

/** Where apt works while it downloads: one process at a time. */
export function aptEntry(cache: string): CacheEntry {
  return { directory: path.join(debianDirectory(cache), 'apt') };
}

/** Where a set is unpacked: `<cache>/debian/haproxy-bookworm-amd64-1a2b3c4d`. */
export async function debianEntry(set: HostSet, cache: string): Promise<CacheEntry> {
  const release = await readOsRelease();
  const codename = release.get('VERSION_CODENAME') ?? release.get('ID') ?? 'debian';
  const key = createHash('sha256')
    .update(JSON.stringify([LAYOUT, HOST_SETS[set]]))
    .digest('hex')
    .slice(0, 8);
  return { directory: path.join(debianDirectory(cache), `${set}-${codename}-${PLATFORM.arch}-${key}`) };
}

/** The set as it was unpacked, or undefined where it is not (whole) in the cache. Looks at files only. */
export async function unpackedSet(
  entry: CacheEntry,
): Promise<(InstalledSet & { readonly packages: readonly AptPackage[] }) | undefined> {
  const text = await readFileIfExists(path.join(entry.directory, 'manifest.json'));
  if (text === undefined) return undefined;
  const manifest = manifestSchema.parse(JSON.parse(text));
  const tools = toolsOf(path.join(entry.directory, 'root'), manifest);
  const present = await Promise.all([...tools.values()].map(({ program }) => isProgram(program)));
  if (!present.every(Boolean)) return undefined;
  return { tools, version: manifest.version, packages: manifest.packages };
}

/**
 * Downloads the packages of sets with apt and unpacks them into the cache: no root, nothing installed or started.
 * @throws Failure `environment` when apt cannot provide or verify them
 */
export async function unpackSets(
  sets: readonly HostSet[],
  context: Context,
  progress: Progress,
): Promise<void> {
  const work = aptEntry(context.paths.cache);
  await withEntryLock(work, TITLE, context, progress, async () => {
    const entries = await Promise.all(sets.map((set) => debianEntry(set, context.paths.cache)));
    const missing: { set: HostSet; entry: CacheEntry }[] = [];
    for (const [index, entry] of entries.entries()) {
      const set = sets[index];
      // Another process may have unpacked it while we waited.
      if (set !== undefined && (await unpackedSet(entry)) === undefined) missing.push({ set, entry });
    }
    if (missing.length === 0) return;
    let doing = 'reading the package lists';
    const download = async (): Promise<void> => {
      const apt = new PrivateApt(buildDirectory(work), context, (line) => {
        const what = parseDownload(line);
        if (what !== undefined) doing = `downloading ${what}`;
      });
      const complaints = await apt.update();
      for (const { set, entry } of missing) {
        doing = `looking for ${HOST_SETS[set].packages.join(', ')} and what they need`;
        await unpackSet(set, entry, apt, path.join(buildDirectory(work), set), context, complaints);
      }
    };
    await narrate(TITLE, () => doing, context, progress, download);
  });
}

async function unpackSet(
  set: HostSet,
  entry: CacheEntry,
  apt: PrivateApt,
  temporary: string,
  context: Context,
  complaints: readonly string[],
): Promise<void> {
  const packages = await packagesOf(set, apt, complaints);
  await apt.download(packages);
  const root = path.join(temporary, 'root');
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (const file of await readdir(apt.archives)) {
    const archive = path.join(apt.archives, file);
    await context.runner.run('dpkg-deb', ['-x', archive, root], { signal: context.signal });
    await rm(archive);
  }
  const found = {
    packages,
    programs: await findPrograms(root, programsOf(set)),
    libraries: await findLibraries(root),
  };
  const checked = await checkSet(set, toolsOf(root, { version: '', ...found }), context);
  if ('problem' in checked) {
    throw new Failure({ kind: 'environment', what: `Debian's ${set} does not fit`, why: checked.problem });
  }
  const manifest: Manifest = { version: checked.version, ...found };
  await writeFile(path.join(temporary, 'manifest.json'), JSON.stringify(manifest), { mode: 0o600 });
  await rm(entry.directory, { recursive: true, force: true }); // a tree that somebody broke
  await rename(temporary, entry.directory);
}

async function packagesOf(
  set: HostSet,
  apt: PrivateApt,
  complaints: readonly string[],
): Promise<AptPackage[]> {
  const wanted = HOST_SETS[set].packages;
  try {
    return await apt.missingFor(wanted);
  } catch (error) {
    // "Unable to locate package" after an update that could not reach the archive: that is the reason to name.
    throw complaints.length === 0 || !(error instanceof Failure) ? error : aptFailure(wanted, complaints);
  }
}

async function findPrograms(root: string, names: readonly HostProgram[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const places = ['usr/sbin', 'usr/bin', 'sbin', 'bin'].map((directory) => path.join(directory, name));
    const present = await Promise.all(places.map((place) => isProgram(path.join(root, place))));
    const place = places[present.indexOf(true)];
    if (place === undefined) throw new Error(`the packages unpacked to ${root} have no ${name}`);
    found[name] = place;
  }
  return found;
}

/** The directories of unpacked libraries, relative to the root: `usr/lib/x86_64-linux-gnu`. */
async function findLibraries(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const parent of ['usr/lib', 'lib']) {
    const names = await readdir(path.join(root, parent)).catch(() => []);
    found.push(...names.filter((name) => name.includes('-linux-')).map((name) => path.join(parent, name)));
  }
  return found;
}

function toolsOf(root: string, manifest: Manifest): SetTools {
  const libraries = manifest.libraries.map((directory) => path.join(root, directory)).join(':');
  const env: Record<string, string> = libraries === '' ? {} : { LD_LIBRARY_PATH: libraries };
  return new Map(
    Object.entries(manifest.programs).map(([name, file]): [HostProgram, HostTool] => [
      name as HostProgram,
      { program: path.join(root, file), env, root },
    ]),
  );
}
