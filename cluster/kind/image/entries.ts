import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import type { CacheEntry } from '../../toolchain/cache.ts';
import { runEngine, type Engine } from '../engine.ts';

/** What is made of images: nodes, the balancer between them, and an archive of what the platform runs. */
const IMAGE_ENTRIES = ['node', 'balancer', 'platform'] as const;

/** Where images are made, one process at a time. Nothing stays there: the engine, or the nodes, keep them. */
export function imagesDirectory(cache: string): string {
  return path.join(cache, 'images');
}

export function imageEntry(name: (typeof IMAGE_ENTRIES)[number], cache: string): CacheEntry {
  return { directory: path.join(imagesDirectory(cache), name) };
}

export function imageEntries(cache: string): CacheEntry[] {
  return IMAGE_ENTRIES.map((name) => imageEntry(name, cache));
}

/**
 * The name of the container that a node image is made in: the same in every build for this cache, so that the next one finds
 * what a killed one left. A label would not do: `commit` hands it on to the image, and that to every node.
 */
export function buildContainer(cache: string): string {
  const key = createHash('sha256').update(imageEntry('node', cache).directory).digest('hex').slice(0, 8);
  return `toolforge-local-build-${key}`;
}

/** The caller holds the entry's lock: whatever has that name is done with. */
export async function removeBuildContainer(engine: Engine, context: Context): Promise<void> {
  const name = buildContainer(context.paths.cache);
  await runEngine(engine, context, ['rm', '--force', '--volumes', name], { okExitCodes: [1] });
}
