import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, rename, rm, unlink, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, systemCode } from '../../../lib/errors.ts';
import type { FileContent, FileFacts, HomeOwner } from './homes.ts';
import { assertOwner, changesOwner, openFile, Refused, withDirectory, type OpenDirectory } from './open.ts';
import type { HomeRoots, Operation, OperationResult } from './operation.ts';

/** An operation of one kind. */
type To<Do extends Operation['do']> = Extract<Operation, { readonly do: Do }>;

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
    if (operation.do === 'makeDirectory') return makeHome(roots, operation);
    if (operation.do === 'facts')
      return ifThere(() => lstat(path.join(roots[owner.type], owner.name)), factsOf);
    throw new Refused('is a directory');
  }
  const inParent = <T>(use: (directory: OpenDirectory) => Promise<T>): Promise<T> =>
    withDirectory(roots, owner, parts.slice(0, -1), use);
  switch (operation.do) {
    case 'makeDirectory':
      return inParent((directory) => makeDirectory((child) => directory.child(child), name, operation));
    case 'read':
      return ifThere(() => inParent((directory) => read(directory, name, operation)));
    case 'write':
      return inParent((directory) => write(directory, name, operation));
    case 'remove':
      return ifThere(() => inParent((directory) => unlink(directory.child(name))));
    case 'facts':
      return ifThere(() => inParent((directory) => lstat(directory.child(name))), factsOf);
  }
}

/** The homes' root itself is ours: `up` makes it, or the first home. */
async function makeHome(roots: HomeRoots, operation: To<'makeDirectory'>): Promise<undefined> {
  const { type, name } = operation.owner;
  await mkdir(roots[type], { recursive: true, mode: 0o755 });
  return makeDirectory((child) => path.join(roots[type], child), name, operation);
}

/**
 * A directory that is finished keeps its mode, unless it is to be exact. As root its owner comes last: one that belongs to
 * the account already is finished. For anybody else its name does: what is there is finished.
 */
async function makeDirectory(
  child: (name: string) => string,
  name: string,
  { owner, mode, exact }: To<'makeDirectory'>,
): Promise<undefined> {
  const full = child(name);
  const there = await ifThere(() => lstat(full));
  if (there !== undefined) {
    if (!there.isDirectory())
      throw new Refused(there.isSymbolicLink() ? 'is a symbolic link' : 'is not a directory');
    if (!exact && (!changesOwner() || there.uid === owner.uid)) return undefined;
  }
  const made = there !== undefined || changesOwner() ? full : child(temporaryOf(name));
  if (there === undefined) await mkdir(made, { mode: 0o700 }).catch(unlessThere);
  const handle = await open(made, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    // Whoever owns the parent may have put another directory there since.
    assertOwner((await handle.stat()).uid, owner, name);
    await give(handle, owner, mode);
  } finally {
    await handle.close();
  }
  if (made !== full) await rename(made, full);
  return undefined;
}

/** One fixed name, so that what a kill left of it is gone, or finished, the next time. */
function temporaryOf(name: string): string {
  return `.${name}.maintain-kubeusers`;
}

async function give(handle: FileHandle, owner: HomeOwner, mode: number): Promise<void> {
  await handle.chmod(mode); // the umask may have narrowed it
  if (changesOwner()) await handle.chown(owner.uid, owner.uid);
}

async function read(
  directory: OpenDirectory,
  name: string,
  { owner, maxBytes }: To<'read'>,
): Promise<Uint8Array> {
  const content = await beginningOf(directory, name, owner, maxBytes + 1);
  if (content.length > maxBytes) throw new Refused(`has more than ${maxBytes} bytes`);
  return content;
}

/** So many bytes of the file at the most, however long it is, or becomes meanwhile. */
async function beginningOf(
  directory: OpenDirectory,
  name: string,
  owner: HomeOwner,
  bytes: number,
): Promise<Buffer> {
  const handle = await openFile(directory, name, owner);
  try {
    const stream = handle.createReadStream({ start: 0, end: bytes - 1, autoClose: false });
    return Buffer.concat((await stream.toArray()) as Buffer[]);
  } finally {
    await handle.close();
  }
}

async function write(
  directory: OpenDirectory,
  name: string,
  { owner, content, mode, was }: To<'write'>,
): Promise<undefined> {
  const temporary = directory.child(temporaryOf(name));
  await rm(temporary, { force: true });
  const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    await give(handle, owner, mode);
    await handle.writeFile(content);
    await handle.sync();
    // A second instance that believes itself alone may have put its own file there meanwhile.
    if ((await lstat(temporary)).ino !== (await handle.stat()).ino)
      throw new Refused('somebody else writes it too');
    // As late as can be: no file system compares and renames in one step.
    if (was !== undefined) await assertSame(directory, name, owner, was);
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

async function assertSame(
  directory: OpenDirectory,
  name: string,
  owner: HomeOwner,
  { content: was }: FileContent,
): Promise<void> {
  const now = await ifThere(() => beginningOf(directory, name, owner, (was?.length ?? 0) + 1));
  const same = now === undefined || was === undefined ? now === was : now.equals(was);
  if (!same) throw new Refused('was changed by somebody else meanwhile');
}

function unlessThere(error: unknown): void {
  if (systemCode(error) !== 'EEXIST') throw error;
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
