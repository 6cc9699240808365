import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import type { Progress } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import type { Profile } from '../profile.ts';
import type { ClusterRecord } from '../record.ts';
import { buildDirectory, withEntryLock } from '../toolchain/cache.ts';
import { runEngine, type Engine } from './engine.ts';
import { archiveImages, programPaths } from './image/build.ts';
import { platformImages, programsOf, type ComponentImage } from './image/components.ts';
import { imageEntry } from './image/entries.ts';
import { fetchPackages } from './image/packages.ts';
import { nodesOf } from './layout.ts';

/** In a node, where it is on a file system that `docker cp` reaches. */
const ARCHIVE = '/var/lib/toolforge-local-images.tar';

/**
 * Brings what the platform runs into nodes that do not have it: those of kind's own image, and those that were made before
 * Kyverno was another version.
 * @returns in a phrase what was loaded
 */
export async function loadMissingImages(
  record: ClusterRecord,
  profile: Profile,
  engine: Engine,
  context: Context,
  progress: Progress,
): Promise<string> {
  const nodes = nodesOf(record).map(({ container }) => container);
  const wanted = platformImages(profile);
  const held = await Promise.all(nodes.map((node) => imagesIn(node, engine, context)));
  const missing = wanted.filter(({ reference }) => held.some((images) => !isAmong(reference, images)));
  if (missing.length === 0) return 'all there';
  const entry = imageEntry('platform', context.paths.cache);
  await withEntryLock(entry, 'images of the platform', context, progress, async () => {
    const work = buildDirectory(entry);
    try {
      const archive = await pack(missing, work, context, progress);
      for (const node of nodes) {
        progress.update(`loading ${missing.length} images into ${node}`);
        await loadInto(node, archive, engine, context);
      }
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
  return `${missing.length} loaded`;
}

async function loadInto(node: string, archive: string, engine: Engine, context: Context): Promise<void> {
  const inNode = (...command: string[]) => runEngine(engine, context, ['exec', node, ...command]);
  try {
    await runEngine(engine, context, ['cp', archive, `${node}:${ARCHIVE}`]);
    await inNode('ctr', '--namespace', 'k8s.io', 'images', 'import', '--digests', ARCHIVE);
  } finally {
    // All of it, or what fitted on a full disk. Where the node is gone, that is what there is to say.
    await inNode('rm', '-f', ARCHIVE).catch(() => undefined);
  }
}

async function pack(
  images: readonly ComponentImage[],
  work: string,
  context: Context,
  progress: Progress,
): Promise<string> {
  const say = (what: string): void => {
    progress.update(what);
  };
  const programs = await programPaths(programsOf(images), context, progress);
  await mkdir(work, { recursive: true, mode: 0o755 });
  const packages = images.flatMap((image) => image.packages ?? []);
  const source = packages.length === 0 ? undefined : await fetchPackages(packages, work, context, say);
  const archive = await archiveImages(images, path.join(work, 'images'), programs, source, context, say);
  const file = path.join(work, 'images.tar');
  await archive.pack(file);
  return file;
}

/** A node that was started a moment ago has no containerd yet. */
const CONTAINERD_MS = 60_000;

async function imagesIn(node: string, engine: Engine, context: Context): Promise<readonly string[]> {
  const list = ['ctr', '--namespace', 'k8s.io', 'images', 'list', '--quiet'];
  const { clock, signal } = context;
  return waitFor(
    `containerd in ${node}`,
    async () => {
      const { stdout, stderr, exitCode } = await runEngine(engine, context, ['exec', node, ...list], {
        okExitCodes: [1],
      });
      if (exitCode !== 0) throw new Error(stderr.trim());
      return stdout.split('\n');
    },
    { clock, signal, timeoutMs: CONTAINERD_MS, hint: `Look at \`npm run logs containerd\`.` },
  );
}

/** containerd writes the default registry before a name without one. */
function isAmong(reference: string, images: readonly string[]): boolean {
  return images.some((image) => image === reference || image.endsWith(`/${reference}`));
}
