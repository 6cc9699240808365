import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, rename, rm, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, systemCode } from '../../../lib/errors.ts';
import type { FileFacts, HomeOwner } from './homes.ts';
import { changesOwner, openFile, Refused, withDirectory, type OpenDirectory } from './open.ts';
import type { HomeRoots, Operation, OperationResult } from './operation.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants;

/** Performs one operation. What goes wrong is an answer too: nothing is thrown. */
export async function perform(roots: HomeRoots, operation: Operation): Promise<OperationResult> {
  try {
    return { ok: true, value: await run(roots, operation) };
  } catch (error) {
    const { path: where } = operation;
    const message = error instanceof Refused ? error.message : said(error);
    return { ok: false, message: `${where === '' ? 'home' : where}: ${message}` };
  }
}

async function run(roots: HomeRoots, operation: Operation): Promise<Uint8Array | FileFacts | undefined> {
  const { owner } = operation;
  const parts = operation.path === '' ? [] : operation.path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) throw new Refused('is no path');
  const name = parts.at(-1);
  if (name === undefined) {
    if (operation.do === 'makeDirectory') return makeHome(roots, owner, operation.mode);
    if (operation.do === 'facts')
      return ifThere(() => lstat(path.join(roots[owner.type], owner.name)), factsOf);
    throw new Refused('is a directory');
  }
  const inParent = <T>(use: (directory: OpenDirectory) => Promise<T>): Promise<T> =>
    withDirectory(roots, owner, parts.slice(0, -1), use);
  switch (operation.do) {
    case 'makeDirectory':
      return inParent((directory) => makeDirectory(directory.child(name), owner, operation.mode));
    case 'read':
      return ifThere(() => inParent((directory) => read(directory, name, owner, operation.maxBytes)));
    case 'write':
      return inParent((directory) => write(directory, name, owner, operation.content, operation.mode));
    case 'remove':
      return ifThere(() => inParent((directory) => unlink(directory.child(name))));
    case 'facts':
      return ifThere(() => inParent((directory) => lstat(directory.child(name))), factsOf);
  }
}

/** The homes' root itself is ours: `up` makes it, or the first home. */
async function makeHome(roots: HomeRoots, owner: HomeOwner, mode: number): Promise<undefined> {
  const root = roots[owner.type];
  await mkdir(root, { recursive: true, mode: 0o755 });
  return makeDirectory(path.join(root, owner.name), owner, mode);
}

/** Its owner comes last: a directory that belongs to the account already is finished, and keeps the mode it has. */
async function makeDirectory(full: string, owner: HomeOwner, mode: number): Promise<undefined> {
  try {
    await mkdir(full, { mode: changesOwner() ? 0o700 : mode });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    const stat = await lstat(full);
    if (!stat.isDirectory())
      throw new Refused(stat.isSymbolicLink() ? 'is a symbolic link' : 'is not a directory');
    if (!changesOwner() || stat.uid === owner.uid) return undefined;
    if (stat.uid !== 0) throw new Refused(`belongs to user ${stat.uid}, not to ${owner.uid}`);
  }
  const handle = await open(full, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await give(handle, owner, mode);
  } finally {
    await handle.close();
  }
  return undefined;
}

async function give(handle: FileHandle, owner: HomeOwner, mode: number): Promise<void> {
  await handle.chmod(mode); // the umask may have narrowed it
  if (changesOwner()) await handle.chown(owner.uid, owner.uid);
}

async function read(
  directory: OpenDirectory,
  name: string,
  owner: HomeOwner,
  maxBytes: number,
): Promise<Uint8Array> {
  const handle = await openFile(directory, name, owner);
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) throw new Refused(`has ${size} bytes, more than ${maxBytes}`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** The temporary file has one fixed name, so that what a kill left of it is gone with the next write. */
async function write(
  directory: OpenDirectory,
  name: string,
  owner: HomeOwner,
  content: string,
  mode: number,
): Promise<undefined> {
  const temporary = directory.child(`.${name}.maintain-kubeusers`);
  await rm(temporary, { force: true });
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    await give(handle, owner, mode);
    await handle.writeFile(content);
    await handle.sync();
    // A second instance that believes itself alone may have put its own file there meanwhile.
    if ((await lstat(temporary)).ino !== (await handle.stat()).ino)
      throw new Refused('somebody else writes it too');
    await rename(temporary, directory.child(name));
    await directory.handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return undefined;
}

async function ifThere<T, R = T>(look: () => Promise<T>, use?: (found: T) => R): Promise<R | undefined> {
  try {
    const found = await look();
    return use === undefined ? (found as unknown as R) : use(found);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function factsOf(stat: Stats): FileFacts {
  const link = stat.isSymbolicLink() ? 'link' : 'other';
  const kind = stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : link;
  return { kind, mode: stat.mode & 0o7777, uid: stat.uid, size: stat.size };
}

/** Node's message without its path: /proc/self/fd/27/config says nothing to anybody. */
function said(error: unknown): string {
  return messageOf(error).replace(/, [a-z]+( '.*)?$/, '');
}
