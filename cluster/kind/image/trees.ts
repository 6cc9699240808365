import { chmod, copyFile, lstat, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import type { PrivateApt } from '../../toolchain/apt.ts';
import { unpackDebs } from '../../toolchain/debs.ts';
import type { ComponentImage } from './components.ts';

/** Where the toolchain has a program. */
export type ProgramPath = (module: string, binary: string) => string;

/**
 * Lays out the files of one image below a directory.
 * @param debs the files of packages, by name
 */
export async function layOut(
  image: ComponentImage,
  root: string,
  program: ProgramPath,
  apt: PrivateApt | undefined,
  debs: DebFinder,
  context: Context,
): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o755 });
  if (image.packages !== undefined) {
    if (apt === undefined) throw new Error(`${image.reference} is made of packages, and none were fetched`);
    const needed = await apt.missingFor(image.packages);
    await unpackDebs(
      needed.map(({ name }) => debs(name)),
      root,
      context,
    );
    await mergeUsr(root, context);
  }
  for (const [target, { module, binary }] of Object.entries(image.programs)) {
    const file = path.join(root, target);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
    await copyFile(program(module, binary), file);
    await chmod(file, 0o755);
  }
  for (const [link, target] of Object.entries(image.links ?? {})) {
    await mkdir(path.dirname(path.join(root, link)), { recursive: true, mode: 0o755 });
    await symlink(target, path.join(root, link));
  }
  for (const [file, content] of Object.entries(image.files ?? {})) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true, mode: 0o755 });
    const mode = content.startsWith('#!') ? 0o755 : 0o644;
    await writeFile(path.join(root, file), content, { mode });
  }
  // Programs that are not root must be able to write somewhere.
  await mkdir(path.join(root, 'tmp'), { recursive: true });
  await chmod(path.join(root, 'tmp'), 0o1777);
}

/** `/bin` is a link to `/usr/bin`, and so on, whichever of them a release's packages have their files in. */
async function mergeUsr(root: string, { runner, signal }: Context): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    const top = path.join(root, name);
    const merged = path.join(root, 'usr', name);
    await mkdir(merged, { recursive: true, mode: 0o755 });
    const found = await lstat(top).catch(() => undefined);
    if (found?.isSymbolicLink() === true) continue;
    if (found !== undefined) {
      await runner.run('cp', ['-a', `${top}/.`, merged], { signal });
      await rm(top, { recursive: true });
    }
    await symlink(`usr/${name}`, top);
  }
}

export type DebFinder = (name: string) => string;

/** Finds a package's file by its name: `iproute2_6.1.0-3_amd64.deb`. */
export function debFinder(files: readonly string[]): DebFinder {
  const byName = new Map(files.map((file) => [path.basename(file).split('_')[0] ?? '', file]));
  return (name) => {
    const file = byName.get(name);
    if (file === undefined) throw new Error(`the package ${name} was not downloaded`);
    return file;
  };
}
