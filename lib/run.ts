import { execa, ExecaError } from 'execa';
import { Failure, interrupted, systemCode } from './errors.ts';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Called for each line as it comes; the output is then not kept beyond its last lines. */
  readonly onLine?: (line: string) => void;
  /** Exit codes that are answers, not failures. Default: only 0. */
  readonly okExitCodes?: readonly number[];
  /** What to say the person should do when it fails. */
  readonly hint?: string;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs programs, as a seam. No shell: a program and its arguments. */
export interface Runner {
  /** Runs to the end. Throws an `environment` failure with the last lines when it cannot start or fails. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Hands this process's terminal to the program and returns its exit code. */
  attach(program: string, args: readonly string[], options?: RunOptions): Promise<number>;
}

/** How much output is kept of one run: enough for any answer we parse, bounded whatever a tool prints. */
const MAX_BUFFER = 64 * 1024 * 1024;
const LAST_LINES = 12;

export const systemRunner: Runner = {
  async run(program, args, options = {}) {
    const child = execa(program, args, {
      ...common(options),
      stdin: options.input === undefined ? 'ignore' : 'pipe',
      ...(options.input === undefined ? {} : { input: options.input }),
      all: true,
      maxBuffer: MAX_BUFFER,
      // A group of its own: a timeout or Ctrl-C must reach the compiler's children too (execa kills the leader only).
      detached: true,
      cleanup: true,
    });
    const stop = (): void => {
      killGroup(child.pid);
    };
    options.signal?.addEventListener('abort', stop, { once: true });
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(stop, options.timeoutMs);
    const forget = killWithUs(child.pid);
    try {
      if (options.onLine !== undefined) {
        for await (const line of child.iterable({ from: 'all' })) options.onLine(line);
      }
      const { stdout, stderr, exitCode } = await child;
      return { stdout, stderr, exitCode: exitCode ?? 0 };
    } catch (error) {
      if (options.signal?.aborted === true) throw interrupted();
      if (!(error instanceof ExecaError)) throw error;
      const { exitCode } = error;
      if (exitCode !== undefined && (options.okExitCodes ?? []).includes(exitCode)) {
        return { stdout: String(error.stdout), stderr: String(error.stderr), exitCode };
      }
      throw failureOf(program, args, error as ExecaError, options);
    } finally {
      clearTimeout(timer);
      forget();
      options.signal?.removeEventListener('abort', stop);
    }
  },

  async attach(program, args, options = {}) {
    // The child gets the terminal's Ctrl-C itself; ours must wait for it.
    const result = await execa(program, args, { ...common(options), stdio: 'inherit', reject: false });
    if (result.exitCode === undefined && result.signal === undefined) {
      throw failureOf(program, args, result as unknown as ExecaError, options);
    }
    return result.exitCode ?? 130;
  },
};

function common(options: RunOptions) {
  return {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...options.env },
  };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

/** A group of its own outlives us unless we take it along when we end. Returns how to forget it again. */
function killWithUs(pid: number | undefined): () => void {
  const kill = (): void => {
    killGroup(pid);
  };
  process.once('exit', kill);
  return () => process.removeListener('exit', kill);
}

function failureOf(
  program: string,
  args: readonly string[],
  error: ExecaError,
  options: RunOptions,
): Failure {
  const name = program.split('/').at(-1) ?? program;
  if (error.code === 'ENOENT') {
    return new Failure({
      kind: 'environment',
      what: `${name} was not found`,
      hint: options.hint ?? `Install ${name} and run the command again.`,
      cause: error,
    });
  }
  const output = typeof error.all === 'string' ? error.all : String(error.stderr);
  const lines = output.trimEnd().split('\n').slice(-LAST_LINES).join('\n');
  const ended =
    error.exitCode === undefined
      ? `was ended by ${error.signal ?? 'a signal'}`
      : `exited with ${error.exitCode}`;
  return new Failure({
    kind: 'environment',
    what: `${[name, ...args].join(' ').slice(0, 200)} ${ended}`,
    ...(lines === '' ? {} : { why: lines }),
    ...(options.hint === undefined ? {} : { hint: options.hint }),
    cause: error,
  });
}
