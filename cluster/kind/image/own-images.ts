import { z } from 'zod';
import type { Context } from '../../../lib/context.ts';
import { parseJson } from '../../../lib/json.ts';
import { runEngine, type Engine } from '../engine.ts';

/** Podman writes a registry before names that have none. */
const OWN = /^(?:localhost\/|docker\.io\/)?(toolforge-local\/[^\s<>]+)$/;

/** The names of all images of ours that the engine has. */
async function ownImages(engine: Engine, context: Context): Promise<string[]> {
  const { stdout } = await runEngine(engine, context, ['images', '--format', '{{.Repository}}:{{.Tag}}']);
  return stdout.split('\n').flatMap((line) => OWN.exec(line)?.[1] ?? []);
}

/** Images that a new one replaces; those that some container was made of stay. */
export async function removeOlder(
  repository: string,
  keep: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  for (const name of await ownImages(engine, context)) {
    if (name.startsWith(`${repository}:`) && name !== keep) await remove(name, engine, context);
  }
}

/** @returns false where the engine refuses it, since a container was made of the image */
async function remove(name: string, engine: Engine, context: Context): Promise<boolean> {
  const { exitCode } = await runEngine(engine, context, ['rmi', name], { okExitCodes: [1, 2, 125] });
  return exitCode === 0;
}

const described = z.object({ Size: z.number(), RootFS: z.object({ Layers: z.array(z.string()).nullish() }) });

interface OwnImage {
  readonly name: string;
  /** Bytes of all its layers. */
  readonly size: number;
  readonly layers: readonly string[];
}

/**
 * Removes the images of ours that no container was made of. What another image begins with stays as long as that one does: it
 * would not free anything.
 * @returns what was removed, with the bytes that it had for itself
 */
export async function removeUnused(
  engine: Engine,
  context: Context,
): Promise<{ readonly name: string; readonly bytes: number }[]> {
  const images: OwnImage[] = [];
  for (const name of await ownImages(engine, context)) images.push(await describe(name, engine, context));
  images.sort((a, b) => b.layers.length - a.layers.length);
  const removed: { name: string; bytes: number }[] = [];
  const kept: OwnImage[] = [];
  for (const image of images) {
    if (kept.some((other) => beginsWith(other, image)) || !(await remove(image.name, engine, context))) {
      kept.push(image);
      continue;
    }
    const shared = images.filter((other) => beginsWith(image, other)).map(({ size }) => size);
    removed.push({ name: image.name, bytes: image.size - Math.max(0, ...shared) });
  }
  return removed;
}

async function describe(name: string, engine: Engine, context: Context): Promise<OwnImage> {
  const args = ['image', 'inspect', '--format', '{{json .}}', name];
  const { stdout } = await runEngine(engine, context, args);
  const { Size, RootFS } = described.parse(parseJson(stdout));
  return { name, size: Size, layers: RootFS.Layers ?? [] };
}

function beginsWith(image: OwnImage, base: OwnImage): boolean {
  const { layers } = base;
  return image.layers.length > layers.length && layers.every((layer, index) => layer === image.layers[index]);
}
