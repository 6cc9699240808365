import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import type { Clock } from './clock.ts';
import { Failure, systemCode } from './errors.ts';
import { readFileIfExists } from './files.ts';

/** Who holds a lock: a process, told from a later one with the same id by the time it started. */
interface Holder {
  readonly pid: number;
  readonly started: string;
  readonly command: string;
}

export interface LockOptions {
  /** What the holder is doing, for the message that others get: `up`, `seed-policies` … */
  readonly command: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Given: wait for the holder to end, and call this once with who it is. Not given: fail at once. */
  readonly onWait?: (holder: string) => void;
}

/**
 * Takes the lock file for this process. A lock whose process is gone (killed, or before a reboot) is taken over.
 * @returns how to release it
 * @throws Failure `busy` when another process holds it and the caller does not wait
 */
export async function acquireLock(file: string, options: LockOptions): Promise<() => Promise<void>> {
  const me: Holder = {
    pid: process.pid,
    started: (await startTime(process.pid)) ?? '',
    command: options.command,
  };
  let told = false;
  for (;;) {
    if (await create(file, JSON.stringify(me))) return () => rm(file, { force: true });
    const text = await readFileIfExists(file);
    if (text === undefined) continue; // released meanwhile
    const holder = parse(text);
    if (holder === undefined || (await startTime(holder.pid)) !== holder.started) {
      await removeStale(file, text);
      continue;
    }
    const who = `\`${holder.command}\` (process ${holder.pid})`;
    if (options.onWait === undefined) {
      throw new Failure({
        kind: 'busy',
        what: `${who} is at work on this cluster`,
        hint: 'Wait for it to end, or end it with Ctrl-C where it runs; then run this command again.',
      });
    }
    if (!told) options.onWait(who);
    told = true;
    await options.clock.sleep(200, options.signal);
  }
}

/** The lock appears with its content, by a hard link: an empty one would look stale to whoever reads it just then. */
async function create(file: string, content: string): Promise<boolean> {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, content, { flag: 'wx', mode: 0o600 });
  try {
    await link(temporary, file);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Moves the lock aside before deleting it: if a live one had taken its place meanwhile, it is put back. */
async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.stale.${process.pid}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  if ((await readFile(aside, 'utf8')) === stale) await rm(aside, { force: true });
  else await rename(aside, file);
}

/** A lock file that a power cut left empty or cut is nobody's. */
function parse(text: string): Holder | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, started, command } = value as Partial<Holder>;
    if (typeof pid !== 'number' || typeof started !== 'string' || typeof command !== 'string')
      return undefined;
    return { pid, started, command };
  } catch {
    return undefined;
  }
}

/** When a process started, in whatever form the system gives; undefined when there is no such process. */
export async function startTime(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const stat = await readFileIfExists(`/proc/${pid}/stat`).catch(() => undefined);
    // Field 22, counted after the command's closing parenthesis, since a command may contain spaces.
    return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  }
  const { stdout, exitCode } = await execa('ps', ['-o', 'lstart=', '-p', String(pid)], { reject: false });
  return exitCode === 0 ? stdout.trim() : undefined;
}
