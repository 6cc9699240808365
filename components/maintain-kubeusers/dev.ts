import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from '../../cluster/provider.ts';
import type { Context } from '../../lib/context.ts';
import { ENTRY_POINT, MEMORY } from './install.ts';
import { configurationFile, SERVICE_NAME } from './places.ts';

const CHECKOUT = path.join(import.meta.dirname, '..', '..');
/** Of the checkout: all that the loop, the process of its homes and the templates of its policies come from. */
const SOURCES = ['cluster', 'components', 'lib', 'scripts'].map((name) => path.join(CHECKOUT, name));
/** Not what editors leave beside a file. */
const SOURCE = /\.(ts|yaml)$/;
/** Files are saved several at once. */
const SETTLE_MS = 200;

/**
 * Runs the loop in this terminal instead of as a service, and anew at each edit of a source; the service comes back at the
 * end. A changed definition rolls through all accounts as soon as the new process leads: the old one hands the lease back.
 */
export async function runWhileEdited(cluster: Cluster, context: Context): Promise<number> {
  const { supervisor, directory } = cluster;
  await supervisor.stop([SERVICE_NAME]);
  try {
    const args = [...MEMORY, ENTRY_POINT, '--config', configurationFile(directory)];
    return await runAnew(process.execPath, args, SOURCES, context.signal);
  } finally {
    await supervisor.start([SERVICE_NAME]);
    context.output.note('The service runs again.');
  }
}

/**
 * Runs a program until the signal aborts: it is ended and started again at each edit below the directories, and when it
 * ended by itself, at the next one. `node --watch` knows of no file but the modules of its one process, and on Linux loses
 * sight of one in whose place another was put, as editors and git do it.
 * @returns the last exit code
 */
export async function runAnew(
  program: string,
  args: readonly string[],
  directories: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    // Before the start, so that no edit is missed that the program has not read.
    const edited = nextEdit(directories, signal);
    const child = spawn(program, args, { stdio: 'inherit' });
    const ended = once(child, 'exit') as Promise<[code: number | null]>;
    await edited;
    await delay(SETTLE_MS, undefined, { signal }).catch(() => undefined);
    child.kill(); // as a service is stopped: it hands the lease back
    const [code] = await ended;
    if (signal.aborted) return code ?? 130;
  }
}

/** Fulfilled with the first edit, or when the signal aborts. It watches from the call on, anew each time: see above. */
async function nextEdit(directories: readonly string[], signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done = (): void => {
    resolve(undefined);
  };
  const look = (_: unknown, file: string | null): void => {
    if (file === null || SOURCE.test(file)) done();
  };
  const watchers = directories.map((directory) =>
    watch(directory, { recursive: true }, look).on('error', done),
  );
  signal.addEventListener('abort', done);
  if (signal.aborted) done();
  await promise;
  signal.removeEventListener('abort', done);
  for (const watcher of watchers) watcher.close();
}
