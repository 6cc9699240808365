import { spawn } from 'node:child_process';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasApt } from '../../cluster/toolchain/debian.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists } from '../../lib/files.ts';
import { acquireLock, startTime } from '../../lib/lock.ts';
import { waitFor } from '../../lib/wait.ts';
import { Firewall } from './firewall.ts';
import { enginePrograms, type EnginePrograms } from './packages.ts';
import { writeRuntime } from './runtime.ts';

/** A container engine for tests. */
export interface TestEngine {
  /** What commands need in their environment to reach it. */
  readonly env: Readonly<Record<string, string>>;
  /** `ours`: started here, and ended by `stop`. `theirs`: the person's own, which is never reconfigured. */
  readonly whose: 'ours' | 'theirs';
  /** Debian's image registry; only beside an engine of ours. */
  readonly registry?: string;
  /** Ends an engine of ours, and removes everything that was in it. */
  stop(): Promise<void>;
}

/** Short: containerd's sockets below it may have 107 bytes. */
const RUN = '/run/tl-engine';
const SOCKET = path.join(RUN, 'docker.sock');
const PID_FILE = path.join(RUN, 'dockerd.pid');
const START_MS = 60_000;
const STOP_MS = 60_000;

/**
 * An engine that answers: the person's own where there is one, else Debian's, started as root with a data directory, a
 * socket and a configuration of its own.
 * @returns why there can be none
 */
export async function testEngine(context: Context): Promise<TestEngine | string> {
  if (await answers(context, {})) return { env: {}, whose: 'theirs', stop: () => Promise.resolve() };
  const problem = await obstacle();
  if (problem !== undefined) return problem;
  const programs = await enginePrograms(context);
  const release = await acquireLock(`${RUN}.lock`, {
    command: 'tests of kind',
    clock: context.clock,
    signal: context.signal,
    onWait: () => undefined,
  });
  const env = {
    DOCKER_HOST: `unix://${SOCKET}`,
    PATH: `${programs.bin}:${process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`,
  };
  const firewall = new Firewall(RUN, programs, context);
  // A run that was killed may have left its engine: it is taken over, and ended with this run.
  if (!(await answers(context, env))) {
    await makePrivateDirectory(RUN);
    await firewall.remember();
    await startDaemon(programs, env, context);
  }
  const stop = async (): Promise<void> => {
    await stopDaemon(context);
    await firewall.restore();
    await rm(dataDirectory(context), { recursive: true, force: true });
    await rm(RUN, { recursive: true, force: true });
    await release();
  };
  return { env, whose: 'ours', registry: path.join(programs.bin, 'docker-registry'), stop };
}

/** What keeps this host from running an engine of ours. */
async function obstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'no container engine answers, and only Linux runs one by itself';
  if (process.geteuid?.() !== 0) return 'no container engine answers, and starting one needs root';
  if (!(await hasApt())) return "no container engine answers, and there is no apt to get Debian's";
  const filesystems = (await readFileIfExists('/proc/filesystems')) ?? '';
  return /\boverlay$/m.test(filesystems) ? undefined : 'the kernel has no overlay file system';
}

async function answers(context: Context, env: Readonly<Record<string, string>>): Promise<boolean> {
  try {
    const args = ['version', '--format', '{{.Server.Version}}'];
    await context.runner.run('docker', args, { env, timeoutMs: 10_000 });
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function dataDirectory(context: Context): string {
  return path.join(context.paths.cache, 'test-engine');
}

async function startDaemon(
  programs: EnginePrograms,
  env: Readonly<Record<string, string>>,
  context: Context,
): Promise<void> {
  await makePrivateDirectory(dataDirectory(context));
  await writeFile(path.join(RUN, 'daemon.json'), '{}\n'); // not the person's in /etc/docker
  const runtime = path.join(RUN, 'bin');
  await makePrivateDirectory(runtime);
  await writeRuntime(path.join(runtime, 'runc'), programs);
  const log = await open(path.join(RUN, 'dockerd.log'), 'w', 0o600);
  const dockerd = [path.join(programs.bin, 'dockerd'), ...daemonArguments(dataDirectory(context))];
  // Whatever it mounts is mounted for it alone, and is gone with it: dockerd leaves its data directory mounted otherwise.
  const daemon = spawn('unshare', ['--mount', '--propagation', 'private', '--', ...dockerd], {
    env: { ...programs.env, PATH: `${runtime}:${env['PATH'] ?? ''}`, HOME: RUN },
    stdio: ['ignore', log.fd, log.fd],
    detached: true, // Ctrl-C is for the tests: the engine ends after its containers
  });
  daemon.unref();
  await log.close();
  let ended = false;
  daemon.once('exit', () => (ended = true));
  const alive = async (): Promise<true | undefined> => {
    if (ended) throw new Failure({ kind: 'environment', what: 'dockerd ended', why: await lastLines() });
    return (await answers(context, env)) ? true : undefined;
  };
  await waitFor('the container engine to answer', alive, {
    ...context,
    timeoutMs: START_MS,
    explain: lastLines,
  });
}

function daemonArguments(data: string): string[] {
  return [
    ...['--data-root', data, '--exec-root', path.join(RUN, 'exec'), '--pidfile', PID_FILE],
    ...['--host', `unix://${SOCKET}`, '--config-file', path.join(RUN, 'daemon.json')],
    ...['--storage-driver', 'overlay2', '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    // No docker0: an engine that somebody starts later wants that name. What is built here needs no network.
    ...['--bridge', 'none', '--log-level', 'warn'],
  ];
}

async function stopDaemon(context: Context): Promise<void> {
  const pid = Number((await readFileIfExists(PID_FILE)) ?? '0');
  if (pid === 0) return;
  process.kill(pid, 'SIGTERM');
  const gone = async (): Promise<true | undefined> =>
    (await startTime(pid)) === undefined ? true : undefined;
  await waitFor('the container engine to end', gone, { ...context, timeoutMs: STOP_MS, explain: lastLines });
}

async function lastLines(): Promise<string> {
  const text = await readFile(path.join(RUN, 'dockerd.log'), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-8).join('\n');
}
