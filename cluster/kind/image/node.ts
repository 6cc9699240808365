import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import type { Progress } from '../../../lib/steps.ts';
import type { Profile } from '../../profile.ts';
import { buildDirectory, cacheEntry, withEntryLock } from '../../toolchain/cache.ts';
import { loadCatalogue, MODULES_DIRECTORY, pinnedModule } from '../../toolchain/catalogue.ts';
import { IMAGE_OS, PLATFORM } from '../../toolchain/go.ts';
import { narrate } from '../../toolchain/progress.ts';
import { hasImage, runEngine, type Engine } from '../engine.ts';
import { archiveImages, programPaths } from './build.ts';
import { componentImages, imagePrograms, nodePrograms } from './components.ts';
import { buildContainer, imageEntry, removeBuildContainer } from './entries.ts';
import { removeOlder } from './own-images.ts';
import { fetchPackages } from './packages.ts';
import { buildRoot, ROOT_PACKAGES, rootImage } from './root.ts';

const SCRIPT = path.join(import.meta.dirname, 'node.sh');
const TITLE = 'node image';

/** Builds the node image of a profile, unless the engine has it. */
export async function buildNodeImage(
  profile: Profile,
  engine: Engine,
  context: Context,
  progress: Progress,
): Promise<{ readonly reference: string; readonly built: boolean }> {
  const reference = await nodeReference(profile, context);
  if (await hasImage(engine, context, reference)) return { reference, built: false };
  const programs = await programPaths(imagePrograms(profile), context, progress);
  const root = await rootImage();
  const entry = imageEntry('node', context.paths.cache);
  let doing = 'starting';
  const build = async (): Promise<void> => {
    if (await hasImage(engine, context, reference)) return; // by another process, while we waited
    await removeBuildContainer(engine, context);
    const work = buildDirectory(entry);
    await mkdir(work, { recursive: true, mode: 0o755 });
    const images = componentImages(profile);
    const say = (what: string): void => void (doing = what);
    say('reading the package lists');
    const wanted = [...ROOT_PACKAGES, ...images.flatMap(({ packages }) => packages ?? [])];
    const source = await fetchPackages(wanted, work, context, (what) => {
      say(`downloading ${what}`);
    });
    if (!(await hasImage(engine, context, root))) {
      say('installing Debian into its root file system');
      await buildRoot(root, source, work, engine, context);
    }
    const contents = path.join(work, 'node');
    await mkdir(path.join(contents, 'bin'), { recursive: true, mode: 0o755 });
    await writeFile(path.join(contents, 'version'), `v${profile.kubernetes}`);
    await archiveImages(images, path.join(contents, 'images'), programs, source, context, say);
    say('putting programs and images into it');
    for (const { module, binary } of nodePrograms(profile)) {
      await copyFile(programs(module, binary), path.join(contents, 'bin', binary));
    }
    await copyFile(SCRIPT, path.join(contents, 'node.sh'));
    await assemble(reference, root, contents, engine, context);
    await rm(work, { recursive: true, force: true });
    await removeOlder('toolforge-local/node', reference, engine, context);
    await removeOlder('toolforge-local/node-root', root, engine, context);
  };
  await withEntryLock(entry, TITLE, context, progress, () =>
    narrate(TITLE, () => doing, context, progress, build),
  );
  return { reference, built: true };
}

/** The name of a node image, built or not: the programs' cache entries name their sources and flags. */
export async function nodeReference(profile: Profile, { paths }: Context): Promise<string> {
  const catalogue = await loadCatalogue(MODULES_DIRECTORY);
  const entries = await Promise.all(
    imagePrograms(profile).map(async ({ module, binary }) => {
      const { directory } = await cacheEntry(pinnedModule(catalogue, module), paths.cache, IMAGE_OS);
      return path.join(path.basename(directory), binary);
    }),
  );
  const key = createHash('sha256')
    .update(JSON.stringify([await rootImage(), PLATFORM.arch, entries, componentImages(profile)]))
    .update(await readFile(SCRIPT))
    .digest('hex')
    .slice(0, 12);
  return `toolforge-local/node:v${profile.kubernetes}-${key}`;
}

/** Runs the script in a container of the root file system and keeps what came of it. */
async function assemble(
  reference: string,
  root: string,
  contents: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  const name = buildContainer(context.paths.cache);
  try {
    await runEngine(engine, context, [
      ...['run', '--name', name, '--network', 'none', '--privileged', '--tmpfs', '/tmp', '--tmpfs', '/run'],
      // The image takes it over: what `stop` sends, since systemd means something else by SIGTERM.
      ...['--stop-signal', 'SIGRTMIN+3', '--env', 'container=docker'],
      ...[
        '--volume',
        '/var/lib/unpacked',
        '--volume',
        `${contents}:/var/lib/node:ro`,
        root,
        '/bin/sh',
        '/var/lib/node/node.sh',
      ],
    ]);
    await runEngine(engine, context, [
      ...[
        'commit',
        '--change',
        'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
        '--change',
        'CMD []',
      ],
      ...[name, reference],
    ]);
  } finally {
    await removeBuildContainer(engine, context);
  }
}
