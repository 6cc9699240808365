import { constants } from 'node:fs';
import { lstat, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { systemCode } from '../../../lib/errors.ts';
import type { HomeOwner } from './homes.ts';
import type { HomeRoots } from './operation.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** A refusal to touch what is not as it has to be: a link, somebody else's file. */
export class Refused extends Error {}

/** An open directory in a home: names in it are looked up from the directory itself, not from its path. */
export interface OpenDirectory {
  readonly handle: FileHandle;
  child(name: string): string;
}

/**
 * Opens the directories from the homes' root down to `parts`, one after the other, and hands over the last. A tool can
 * exchange a directory for a link between any two steps of ours: on Linux each step therefore starts from the directory
 * that is open already (/proc/self/fd/N is what `openat` would use), and no step follows a link. Elsewhere names are
 * joined; there the loop runs as the person who owns all homes, and a link leads nowhere that person could not go.
 */
export async function withDirectory<T>(
  roots: HomeRoots,
  owner: HomeOwner,
  parts: readonly string[],
  use: (directory: OpenDirectory) => Promise<T>,
): Promise<T> {
  const opened: FileHandle[] = [];
  try {
    let place = path.join(roots[owner.type], owner.name);
    for (const name of ['', ...parts]) {
      const full = name === '' ? place : path.join(place, name);
      const handle = await openDirectory(full, name);
      opened.push(handle);
      assertOwner((await handle.stat()).uid, owner, name);
      place = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : full;
    }
    const last = opened.at(-1);
    if (last === undefined) throw new Error('no directory was opened');
    return await use({ handle: last, child: (name) => path.join(place, name) });
  } finally {
    await Promise.all(opened.map((handle) => handle.close()));
  }
}

async function openDirectory(full: string, name: string): Promise<FileHandle> {
  try {
    return await open(full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    const what = name === '' ? 'the home' : name;
    if (systemCode(error) === 'ELOOP' || systemCode(error) === 'ENOTDIR') {
      const link = (await lstat(full)).isSymbolicLink();
      throw new Refused(`${what} ${link ? 'is a symbolic link' : 'is not a directory'}`);
    }
    throw error;
  }
}

/** Opens a file for reading: a plain one, the account's own, and without waiting for a pipe's other end. */
export async function openFile(
  directory: OpenDirectory,
  name: string,
  owner: HomeOwner,
): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(directory.child(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (systemCode(error) === 'ELOOP') throw new Refused('is a symbolic link');
    throw error;
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Refused('is not a file');
    // Not even root's: a hard link to a file of root's would have us read it to the tool.
    if (changesOwner() && stat.uid !== owner.uid) {
      throw new Refused(`belongs to user ${stat.uid}, not to ${owner.uid}`);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether files can be given to accounts: only root can. Everybody else owns all homes. */
export function changesOwner(): boolean {
  return process.geteuid?.() === 0;
}

/** What root left behind halfway is root's still; anybody else's is nobody's business of ours. */
export function assertOwner(uid: number, owner: HomeOwner, name: string): void {
  if (!changesOwner() || uid === owner.uid || uid === 0) return;
  throw new Refused(`${name === '' ? 'the home' : name} belongs to user ${uid}, not to ${owner.uid}`);
}
