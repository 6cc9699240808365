import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isPortFree } from '../lib/ports.ts';

const ROOT = path.join(import.meta.dirname, '..');

/** One line of what a command with `--json` prints. */
export interface Event {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface CommandResult {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds. */
  readonly ms: number;
}

/**
 * Runs the project's commands as a person does, each as a process of its own, on a state directory of the test's
 * own. The cache is the user's: what is built once serves every test.
 */
export class Rig {
  readonly state: string;
  readonly #env: NodeJS.ProcessEnv;

  /** @param prefix of the directory; short, since Unix sockets live below it */
  static async create(prefix = 'tl', env: NodeJS.ProcessEnv = {}): Promise<Rig> {
    return new Rig(await mkdtemp(path.join(tmpdir(), `${prefix}-`)), env);
  }

  private constructor(state: string, env: NodeJS.ProcessEnv) {
    this.state = state;
    // A test run from inside an npm script or another test must not hand its settings on.
    const inherited = Object.entries(process.env).filter(
      ([name]) => !name.startsWith('TOOLFORGE_LOCAL_') && name !== 'NODE_TEST_CONTEXT',
    );
    this.#env = {
      ...Object.fromEntries(inherited),
      XDG_STATE_HOME: state,
      CI: 'true',
      // Also where a container engine answers: test/kind asks for the other one.
      TOOLFORGE_LOCAL_PROVIDER: 'embedded',
      ...env,
    };
  }

  /** Where the cluster of that name keeps its state. */
  directory(name: string): string {
    return path.join(this.state, 'toolforge-local', name);
  }

  /** Starts `scripts/<command>.ts` and lets it run. */
  start(command: string, ...args: string[]): ChildProcess {
    return spawn(process.execPath, [path.join(ROOT, 'scripts', `${command}.ts`), ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Runs `scripts/<command>.ts` to its end. */
  async run(command: string, ...args: string[]): Promise<CommandResult> {
    return outcome(this.start(command, ...args));
  }

  /** Runs it and throws with everything it said unless it exits with 0. */
  async ok(command: string, ...args: string[]): Promise<CommandResult> {
    const result = await this.run(command, ...args);
    if (result.exitCode === 0) return result;
    throw new Error(
      `${command} ${args.join(' ')} exited with ${String(result.exitCode ?? result.signal)}\n${result.stdout.slice(-4000)}\n${result.stderr.slice(-4000)}`,
    );
  }

  /** Runs it with `--json` and returns its events. */
  async events(command: string, ...args: string[]): Promise<Event[]> {
    return parseEvents((await this.ok(command, ...args, '--json')).stdout);
  }

  /** What `status` says of that cluster, healthy or not. */
  async status(name: string): Promise<Event> {
    const { stdout, stderr } = await this.run('status', '--name', name, '--json');
    const found = parseEvents(stdout).find(({ event }) => event === 'status');
    if (found === undefined) throw new Error(`status said nothing\n${stdout}\n${stderr}`);
    return found;
  }

  async record(name: string): Promise<Record<string, unknown>> {
    return JSON.parse(await readFile(path.join(this.directory(name), 'cluster.json'), 'utf8')) as Record<
      string,
      unknown
    >;
  }

  /** Ends the clusters of these names and removes the state directory. */
  async dispose(...names: string[]): Promise<void> {
    for (const name of names) await this.ok('down', '--name', name);
    await rm(this.state, { recursive: true, force: true });
  }
}

/** What became of a started command. */
export async function outcome(child: ChildProcess): Promise<CommandResult> {
  const started = Date.now();
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => {
      resolve({ exitCode, signal, stdout, stderr, ms: Date.now() - started });
    });
  });
}

export function parseEvents(text: string): Event[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Event);
}

/** Two free ports for HAProxy, as flags of `up`. */
export async function freePorts(): Promise<string[]> {
  const first = await freePort(15_000 + (process.pid % 1000));
  const second = await freePort(first + 1);
  return ['--api-port', String(first), '--stats-port', String(second)];
}

async function freePort(from: number): Promise<number> {
  let port = from;
  while (!(await isPortFree(port))) port += 1;
  return port;
}
