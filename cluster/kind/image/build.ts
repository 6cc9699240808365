import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import type { Progress } from '../../../lib/steps.ts';
import { MODULES_DIRECTORY } from '../../toolchain/catalogue.ts';
import { IMAGE_OS } from '../../toolchain/go.ts';
import { resolveBinaries, type BinaryRef } from '../../toolchain/resolve.ts';
import { ImageArchive } from './archive.ts';
import type { ComponentImage } from './components.ts';
import type { PackageSource } from './packages.ts';
import { debFinder, layOut, type ProgramPath } from './trees.ts';

/** Resolves programs for images, by building them if need be. */
export async function programPaths(
  refs: readonly BinaryRef[],
  context: Context,
  progress: Progress,
): Promise<ProgramPath> {
  const found = await resolveBinaries(refs, context, progress, MODULES_DIRECTORY, IMAGE_OS);
  return (module, binary) => {
    const program = found.get(binary);
    if (program === undefined) throw new Error(`${binary} of ${module} was not resolved`);
    return program;
  };
}

/**
 * Makes images as one archive in a directory of its own.
 * @param say told which image is made
 */
export async function archiveImages(
  images: readonly ComponentImage[],
  directory: string,
  programs: ProgramPath,
  source: PackageSource | undefined,
  context: Context,
  say: (what: string) => void,
): Promise<ImageArchive> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const archive = new ImageArchive(directory, context);
  const debs = debFinder(source?.files ?? []);
  for (const image of images) {
    say(`image ${image.reference}`);
    const tree = path.join(path.dirname(directory), 'tree');
    await layOut(image, tree, programs, source?.apt, debs, context);
    const { entrypoint, user, stopSignal } = image;
    await archive.add(image.reference, tree, {
      Entrypoint: entrypoint,
      ...(user === undefined ? {} : { User: user }),
      ...(stopSignal === undefined ? {} : { StopSignal: stopSignal }),
    });
    await rm(tree, { recursive: true, force: true });
  }
  await archive.finish();
  return archive;
}
