import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure, systemCode } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists, writeFileAtomic } from '../../lib/files.ts';
import { waitFor } from '../../lib/wait.ts';
import { finishScript, killScript, LOG_CONFIG, logScript, runScript } from './run-script.ts';
import type { Service, ServiceStatus, Supervisor } from './service.ts';
import { parseStatus, type SvLine } from './sv.ts';

/** Where runit's programs are, and what they need to start (an unpacked Debian package, or the system's own). */
export interface RunitTools {
  readonly runsv: string;
  readonly sv: string;
  readonly svlogd: string;
  readonly libraryPath?: string;
}

/** How long a process may take to end by itself before it is killed. etcd and API servers need a few seconds. */
const STOP_SECONDS = 20;
/** A process that ended this often since its start will not come up by itself. */
const FATAL_DEATHS = 4;

/**
 * runit's `runsv`, one for each service, each in a session of its own so that it outlives the command that started
 * it. (`runsvdir` looks for new services every five seconds only; `up` cannot wait for that.) State is what is on
 * disk: any command can take over from any other, or from one that was killed.
 */
export class RunitSupervisor implements Supervisor {
  readonly #services: string;
  readonly #logs: string;
  readonly #tools: RunitTools;
  readonly #context: Context;

  /** @param directory the cluster's directory: services live in `services/`, their logs in `logs/` */
  constructor(directory: string, tools: RunitTools, context: Context) {
    this.#services = path.join(directory, 'services');
    this.#logs = path.join(directory, 'logs');
    this.#tools = tools;
    this.#context = context;
  }

  async apply(services: readonly Service[]): Promise<readonly string[]> {
    const changed: { name: string; fingerprint: string }[] = [];
    for (const service of services) {
      const script = runScript(service, await fingerprintOf(service.files ?? []));
      const fingerprint = createHash('sha256').update(script).digest('hex');
      const applied = await readFileIfExists(path.join(this.#services, service.name, 'applied'));
      if (applied !== fingerprint) changed.push({ name: service.name, fingerprint });
      if (applied !== fingerprint) await this.#define(service, script);
    }
    const status = new Map(
      (await this.#sv(services.map(({ name }) => name))).map((line) => [line.name, line]),
    );
    const stale = changed.filter(({ name }) => status.get(name)?.supervised === true).map(({ name }) => name);
    await this.stop(stale);
    const down = [...status.values()].filter(({ pid, ending }) => pid === undefined || ending === true);
    const toStart = [...new Set([...stale, ...down.map(({ name }) => name)])];
    await this.start(toStart);
    // Only now: a kill before this line makes the next run restart them, never take an old process for the new one.
    for (const { name, fingerprint } of changed) {
      await writeFileAtomic(path.join(this.#services, name, 'applied'), fingerprint);
    }
    return toStart;
  }

  async #define({ name, killed = false }: Service, script: string): Promise<void> {
    const directory = path.join(this.#services, name);
    const logs = path.join(this.#logs, name);
    await makePrivateDirectory(path.join(directory, 'log'));
    await makePrivateDirectory(logs);
    const { svlogd, libraryPath } = this.#tools;
    await writeFileAtomic(path.join(logs, 'config'), LOG_CONFIG);
    await writeFileAtomic(path.join(directory, 'log', 'run'), logScript(svlogd, libraryPath, logs), 0o700);
    await writeFileAtomic(path.join(directory, 'finish'), finishScript(), 0o700);
    const control = path.join(directory, 'control');
    if (killed) {
      await makePrivateDirectory(control);
      await writeFileAtomic(path.join(control, 't'), killScript(), 0o700);
    } else await rm(control, { recursive: true, force: true });
    await writeFileAtomic(path.join(directory, 'run'), script, 0o700);
  }

  async start(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    // A `down` that was killed had told them to end. They cannot be had back; left alone, they would be gone a moment later.
    const lines = await this.#sv(names);
    await this.#end(lines.filter(({ ending }) => ending === true));
    for (const name of names) {
      await rm(path.join(this.#services, name, 'down'), { force: true });
      await writeFile(path.join(this.#services, name, 'deaths'), '');
    }
    const supervised = lines.filter((line) => line.supervised && line.ending !== true);
    if (supervised.length > 0)
      await this.#svCommand(
        ['up'],
        supervised.map(({ name }) => name),
      );
    const spawned = new Set<string>();
    await waitFor(
      `the supervisor to start ${names.join(', ')}`,
      async () => {
        const missing = (await this.#sv(names)).filter((line) => !line.supervised);
        for (const { name } of missing.filter(({ name }) => !spawned.has(name))) {
          spawned.add(name);
          await this.#spawn(path.join(this.#services, name));
        }
        return missing.length === 0 ? true : undefined;
      },
      { clock: this.#context.clock, signal: this.#context.signal, timeoutMs: 10_000 },
    );
  }

  async #spawn(directory: string): Promise<void> {
    const complaints = await open(path.join(this.#logs, 'supervisor.log'), 'a', 0o600);
    try {
      const child = spawn(this.#tools.runsv, [directory], {
        cwd: directory,
        detached: true,
        stdio: ['ignore', 'ignore', complaints.fd],
        env: { PATH: process.env['PATH'], ...this.#libraryEnv() },
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
    } catch (error) {
      throw new Failure({
        kind: 'environment',
        what: `The supervisor ${this.#tools.runsv} did not start`,
        why: String(error),
        hint: 'Run `npm run doctor`.',
        cause: error,
      });
    } finally {
      await complaints.close();
    }
  }

  async stop(names: readonly string[]): Promise<void> {
    const lines = (await this.#sv(names)).filter((line) => line.supervised);
    for (const name of names)
      await writeFile(path.join(this.#services, name, 'down'), '').catch(ignoreMissing);
    const supervised = lines.map(({ name }) => name);
    if (supervised.length === 0) return;
    await this.#svCommand(['-w', String(STOP_SECONDS), 'force-stop'], supervised);
    // The runsv of a service that dies at once sleeps for a second between two starts and hears nothing meanwhile; to
    // `sv` the service is down already, and an `up` before the runsv has heard of the stop would be dropped.
    await waitFor(
      `the supervisor to stop ${supervised.join(', ')}`,
      async () => ((await this.#sv(supervised)).some((line) => line.wantsUp === true) ? undefined : true),
      // Clean-up goes on after Ctrl-C.
      { clock: this.#context.clock, signal: new AbortController().signal, timeoutMs: 10_000 },
    );
  }

  async remove(names: readonly string[]): Promise<void> {
    await this.#end((await this.#sv(names)).filter((line) => line.supervised));
    for (const name of names)
      await rm(path.join(this.#services, name), { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends the services and their supervisors, and waits for both. */
  async #end(lines: readonly SvLine[]): Promise<void> {
    if (lines.length === 0) return;
    const names = lines.map(({ name }) => name);
    await this.#svCommand(['-w', String(STOP_SECONDS), 'force-shutdown'], names);
    // `sv` waits for the service; its runsv and svlogd end a moment later, and still write to the directory.
    await waitFor(
      `the supervisors of ${names.join(', ')} to end`,
      async () => ((await this.#sv(names)).some((line) => line.supervised) ? undefined : true),
      // Clean-up goes on after Ctrl-C: a signal that aborted would leave processes behind.
      { clock: this.#context.clock, signal: new AbortController().signal, timeoutMs: 10_000 },
    );
  }

  async names(): Promise<readonly string[]> {
    return (await readdir(this.#services).catch(ignoreMissing)) ?? [];
  }

  async status(names?: readonly string[]): Promise<readonly ServiceStatus[]> {
    const lines = await this.#sv(names ?? (await this.names()));
    return Promise.all(
      lines.map(async ({ name, pid, seconds }) => ({
        name,
        seconds,
        deaths: await this.#deaths(name),
        wanted: (await readFileIfExists(path.join(this.#services, name, 'down'))) === undefined,
        ...(pid === undefined ? {} : { pid }),
      })),
    );
  }

  async lastLines(name: string, count: number): Promise<readonly string[]> {
    const log = (await readFileIfExists(path.join(this.#logs, name, 'current'))) ?? '';
    return log.trimEnd().split('\n').slice(-count);
  }

  async assertAlive(name: string): Promise<void> {
    if ((await this.#deaths(name)) < FATAL_DEATHS) return;
    throw new Failure({
      kind: 'cluster',
      what: `${name} ends again and again`,
      why: (await this.lastLines(name, 10)).map((line) => line.slice(0, 300)).join('\n'),
      hint: `See \`npm run logs ${name}\`; when the cause is mended, run \`npm run up\` again.`,
    });
  }

  async shutdown(): Promise<void> {
    await this.remove(await this.names());
  }

  async #deaths(name: string): Promise<number> {
    const text = await readFileIfExists(path.join(this.#services, name, 'deaths'));
    return text === undefined ? 0 : text.split('\n').length - 1;
  }

  async #sv(names: readonly string[]): Promise<SvLine[]> {
    if (names.length === 0) return [];
    const { stdout } = await this.#svCommand(['status'], names);
    const lines = new Map(parseStatus(stdout).map((line) => [line.name, line]));
    return names.map((name) => lines.get(name) ?? { name, supervised: false, seconds: 0 });
  }

  async #svCommand(command: readonly string[], names: readonly string[]): Promise<{ stdout: string }> {
    const directories = names.map((name) => path.join(this.#services, name));
    // Its exit code counts the services that are not as asked; what matters is read from its lines.
    const okExitCodes = Array.from({ length: 100 }, (_, index) => index);
    return this.#context.runner.run(this.#tools.sv, [...command, ...directories], {
      env: this.#libraryEnv(),
      okExitCodes,
    });
  }

  #libraryEnv(): Record<string, string> {
    return this.#tools.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: this.#tools.libraryPath };
  }
}

async function fingerprintOf(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
}

function ignoreMissing(error: unknown): undefined {
  if (systemCode(error) === 'ENOENT') return undefined;
  throw error;
}
