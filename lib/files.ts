import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from './errors.ts';

/** Directories that are ours alone: a second local user gets nothing. */
export async function makePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
}

/**
 * Writes a whole file or nothing: to a temporary name beside it, synced, then renamed over it. The mode holds from
 * the first byte. A reader, and a run after a kill or a power cut, sees the old file or the new one.
 */
export async function writeFileAtomic(
  file: string,
  content: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.writeFile(content);
      await handle.chmod(mode); // the process's umask may have narrowed it
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes the file only when its content differs. Returns whether it wrote. */
export async function writeFileIfChanged(file: string, content: string, mode = 0o600): Promise<boolean> {
  if ((await readFileIfExists(file)) === content) return false;
  await makePrivateDirectory(path.dirname(file));
  await writeFileAtomic(file, content, mode);
  return true;
}

/** The file's text, or undefined where there is none. */
export async function readFileIfExists(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Whether there is anything at that path. */
export async function exists(file: string): Promise<boolean> {
  return (await statIfExists(file)) !== undefined;
}

/** What there is at that path, links followed, or undefined where there is nothing. */
export async function statIfExists(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
