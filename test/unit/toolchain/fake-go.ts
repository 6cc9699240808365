import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock } from '../../../lib/clock.ts';
import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import type { Runner, RunOptions, RunResult } from '../../../lib/run.ts';
import { PLATFORM } from '../../../cluster/toolchain/go.ts';

export const CATALOGUE = `
modules:
  tools-1.2.3:
    version: 1.2.3
    ldflags: ['-X main.version=1.2.3']
    binaries:
      one: example.test/cmd/one
      two: example.test/cmd/two/v3
    files:
      chart: {module: example.test/chart, path: charts/chart}
`;

/** A runner in place of `go`: it keeps what it was asked, prints `lines`, and writes the programs it was asked for. */
export class FakeGo implements Runner {
  readonly calls: string[][] = [];
  version = 'go1.26.8';
  /** What `go build -v` prints. */
  lines: string[] = ['fmt', 'example.test/cmd/one'];
  /** Thrown by `go build`, after it wrote half of a program. */
  failure: Error | undefined;
  /** What `go version -m` says the program's package is, where it should be wrong. */
  wrongPackage: string | undefined;
  /** Awaited by `go build` before it ends. */
  gate: Promise<void> = Promise.resolve();
  /** Where `go mod download` says that the sources of a required module are. */
  sources = '';
  readonly #packages = new Map<string, { readonly importPath: string; readonly os: string }>();

  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    this.calls.push([program, ...args]);
    switch (args[0] ?? '') {
      case 'env':
        return answer(`${this.version}\n`);
      case 'list':
        for (const line of ['go: downloading example.test/dep v1.0.0', 'stale', 'stale'])
          options.onLine?.(line);
        return answer('');
      case 'build':
        return this.#build(args, options);
      case 'version':
        return answer(this.#describe(args.at(-1) ?? ''));
      case 'mod':
        return answer(JSON.stringify({ Dir: this.sources }));
      default:
        throw new Error(`unexpected: ${args.join(' ')}`);
    }
  }

  attach(): Promise<number> {
    throw new Error('not used');
  }

  async #build(args: readonly string[], options: RunOptions): Promise<RunResult> {
    const output = args[args.indexOf('-o') + 1] ?? '';
    for (const line of this.lines) options.onLine?.(line);
    for (const importPath of args.slice(args.indexOf('-o') + 2)) {
      const name = importPath.endsWith('/v3') ? importPath.split('/').at(-2) : importPath.split('/').at(-1);
      const file = path.join(output, name ?? '');
      this.#packages.set(file, { importPath, os: options.env?.['GOOS'] ?? '' });
      await writeFile(file, this.failure === undefined ? 'whole' : 'ha', { mode: 0o755 });
    }
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return answer('');
  }

  #describe(file: string): string {
    const { importPath = '', os = '' } = this.#packages.get(file) ?? {};
    const path = this.wrongPackage ?? importPath;
    return `${file}: go1.26.8\n\tpath\t${path}\n\tbuild\tGOARCH=${PLATFORM.arch}\n\tbuild\tGOOS=${os}\n`;
  }

  /** How often Go was asked for this: `build`, `list` … */
  count(command: string): number {
    return this.calls.filter((call) => call[1] === command).length;
  }
}

function answer(stdout: string): RunResult {
  return { stdout, stderr: '', exitCode: 0 };
}

export interface Fixture {
  readonly go: FakeGo;
  readonly context: Context;
  /** The directory of pinned modules. */
  readonly modules: string;
  readonly cache: string;
  /** What was said while it went on. */
  readonly said: string[];
  readonly progress: { update(text: string): void };
}

/** A directory of pinned modules with one in it, an empty cache, and a fake Go; all gone when the test ends. */
export async function fixture(t: TestContext, catalogue = CATALOGUE): Promise<Fixture> {
  const root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const modules = path.join(root, 'modules');
  await mkdir(path.join(modules, 'tools-1.2.3'), { recursive: true });
  await writeFile(path.join(modules, 'catalogue.yaml'), catalogue);
  await writeFile(path.join(modules, 'tools-1.2.3', 'go.mod'), 'module example.test\n\ngo 1.24.0\n');
  await writeFile(path.join(modules, 'tools-1.2.3', 'go.sum'), '');
  const sources = path.join(root, 'sources');
  await mkdir(path.join(sources, 'charts', 'chart', 'templates'), { recursive: true });
  await writeFile(path.join(sources, 'charts', 'chart', 'Chart.yaml'), 'name: chart\n');
  await writeFile(path.join(sources, 'charts', 'chart', 'templates', 'a.yaml'), 'a: 1\n', { mode: 0o444 });
  const go = new FakeGo();
  go.sources = sources;
  const said: string[] = [];
  const cache = path.join(root, 'cache');
  return {
    go,
    modules,
    cache,
    said,
    progress: { update: (text) => said.push(text) },
    context: contextWith(go, cache, path.join(root, 'state')),
  };
}

export function contextWith(runner: Runner, cache: string, state: string): Context {
  return {
    runner,
    paths: { cache, state },
    clock: systemClock,
    signal: new AbortController().signal,
    env: {},
    output: {
      json: false,
      interactive: false,
      print: () => undefined,
      note: () => undefined,
      event: () => undefined,
      style: (_, text) => text,
    },
  };
}

/** A failure as the runner makes it of a program that ended with 1. */
export function exited(lines: string): Failure {
  return new Failure({ kind: 'environment', what: 'go build exited with 1', why: lines });
}
