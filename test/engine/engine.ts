import { spawn } from 'node:child_process';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hasApt } from '../../cluster/toolchain/debian.ts';
import type { Context } from '../../lib/context.ts';
import { Failure, messageOf } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists } from '../../lib/files.ts';
import { waitFor } from '../../lib/wait.ts';
import { enginePrograms, type EnginePrograms } from './packages.ts';
import { writeRuntime } from './runtime.ts';

/** A container engine for tests. */
export interface TestEngine {
  /** What commands need in their environment to reach it. */
  readonly env: Readonly<Record<string, string>>;
  /** `ours`: started here, and ended by `stop`. `theirs`: the person's own, which is never reconfigured. */
  readonly whose: 'ours' | 'theirs';
  stop(): Promise<void>;
}

/** Short: containerd's sockets below it may have 107 bytes. */
const RUN = '/run/tl-engine';
const START_MS = 60_000;

/**
 * An engine that answers: the person's own where there is one, else Debian's, started as root with a data directory, a
 * socket and a configuration of its own.
 * @returns why there can be none
 */
export async function testEngine(context: Context): Promise<TestEngine | string> {
  if (await answers(context, {})) return { env: {}, whose: 'theirs', stop: () => Promise.resolve() };
  const problem = await obstacle();
  if (problem !== undefined) return problem;
  return startEngine(context);
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

async function startEngine(context: Context): Promise<TestEngine> {
  const programs = await enginePrograms(context);
  // Kept between runs: layers that did not change are not made again.
  const data = path.join(context.paths.cache, 'test-engine');
  await makePrivateDirectory(RUN);
  await makePrivateDirectory(data);
  const firewall = await rememberFirewall(programs, context);
  const socket = path.join(RUN, 'docker.sock');
  const runtime = path.join(RUN, 'bin');
  await makePrivateDirectory(runtime);
  await writeRuntime(path.join(runtime, 'runc'), programs);
  const searchPath = `${runtime}:${programs.bin}:${process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin'}`;
  await writeFile(path.join(RUN, 'daemon.json'), '{}\n'); // not the person's in /etc/docker
  const log = await open(path.join(RUN, 'dockerd.log'), 'w', 0o600);
  const daemon = spawn(path.join(programs.bin, 'dockerd'), daemonArguments(data, socket), {
    env: { ...programs.env, PATH: searchPath, HOME: RUN },
    stdio: ['ignore', log.fd, log.fd],
    detached: true, // Ctrl-C is for the tests: the engine ends after its containers
  });
  const ended = new Promise<void>((resolve) => daemon.once('exit', () => { resolve(); }));
  let running = true;
  void ended.then(() => (running = false));
  const stop = async (): Promise<void> => {
    daemon.kill('SIGTERM');
    await ended;
    await firewall.restore();
    await log.close();
    await rm(RUN, { recursive: true, force: true });
  };
  const env = { DOCKER_HOST: `unix://${socket}`, PATH: searchPath };
  try {
    await waitFor('the container engine to answer', async () => {
      if (!running) throw new Failure({ kind: 'environment', what: 'dockerd ended', why: await lastLines() });
      return (await answers(context, env)) ? true : undefined;
    }, { ...context, timeoutMs: START_MS, explain: lastLines });
  } catch (error) {
    await stop();
    throw new Error(`no container engine could be started: ${messageOf(error)}`, { cause: error });
  }
  return { env, whose: 'ours', stop };
}

function daemonArguments(data: string, socket: string): string[] {
  return [
    ...['--data-root', data, '--exec-root', path.join(RUN, 'exec'), '--pidfile', path.join(RUN, 'dockerd.pid')],
    ...['--host', `unix://${socket}`, '--config-file', path.join(RUN, 'daemon.json')],
    ...['--storage-driver', 'overlay2', '--exec-opt', 'native.cgroupdriver=cgroupfs'],
    // No docker0: an engine that somebody starts later wants that name. What is built here needs no network.
    ...['--bridge', 'none', '--log-level', 'warn'],
  ];
}

async function lastLines(): Promise<string> {
  const text = await readFile(path.join(RUN, 'dockerd.log'), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-8).join('\n');
}

/** dockerd turns on forwarding and puts chains of its own into the packet filter: both are taken back at the end. */
async function rememberFirewall(
  { bin, env }: EnginePrograms,
  { runner }: Context,
): Promise<{ restore(): Promise<void> }> {
  const iptables = path.join(bin, 'iptables');
  const tables = ['filter', 'nat'];
  const saved = await Promise.all(
    tables.map(async (table) => (await runner.run(path.join(bin, 'iptables-save'), ['-t', table], { env })).stdout),
  );
  const forwarding = (await readFileIfExists('/proc/sys/net/ipv4/ip_forward'))?.trim();
  return {
    async restore() {
      for (const input of saved) {
        if (input.trim() === '') continue;
        await runner.run(path.join(bin, 'iptables-restore'), [], { env, input: `${input}\n` });
      }
      for (const [index, table] of tables.entries()) {
        if (saved[index]?.trim() !== '') continue;
        await runner.run(iptables, ['-t', table, '-F'], { env });
        await runner.run(iptables, ['-t', table, '-X'], { env });
        if (table === 'filter') await runner.run(iptables, ['-P', 'FORWARD', 'ACCEPT'], { env });
      }
      if (forwarding === '0') {
        await writeFile('/proc/sys/net/ipv4/ip_forward', '0');
      }
    },
  };
}
