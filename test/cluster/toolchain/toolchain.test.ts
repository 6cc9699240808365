import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { systemClock } from '../../../lib/clock.ts';
import { systemRunner, type Runner } from '../../../lib/run.ts';
import { waitFor } from '../../../lib/wait.ts';
import { moduleFiles, resolveBinaries } from '../../../cluster/toolchain/resolve.ts';
import { contextWith } from '../../unit/toolchain/fake-go.ts';

const CATALOGUE = `
modules:
  hello-1.0.0:
    version: 1.0.0
    ldflags: ['-X main.version=1.0.0']
    binaries: {hello: hello.test/hello, goodbye: hello.test/hello/goodbye/v2}
    files: {licence: {module: github.com/pkg/errors, path: LICENSE}}
`;
const GO_MOD = 'module hello.test/hello\n\ngo 1.21\n\nrequire github.com/pkg/errors v0.9.1\n';
/** As the checksum database has them. */
const GO_SUM = `github.com/pkg/errors v0.9.1 h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=
github.com/pkg/errors v0.9.1/go.mod h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=
`;
const MAIN = (word: string): string => `package main

import (
\t"os"

\t"github.com/pkg/errors"
)

var version = "unset"

func main() {
\tif _, err := os.Stdout.WriteString("${word} " + version + "\\n"); err != nil {
\t\tpanic(errors.Wrap(err, "write"))
\t}
}
`;

let root = '';
const at = (...names: string[]): string => path.join(root, ...names);
const silent = { update: () => undefined };

/** Writes a directory of pinned modules with `hello-1.0.0` in it. */
async function writeModules(name: string, goMod = GO_MOD, goSum = GO_SUM): Promise<string> {
  const folder = at(name, 'hello-1.0.0');
  await mkdir(path.join(folder, 'goodbye', 'v2'), { recursive: true });
  await writeFile(at(name, 'catalogue.yaml'), CATALOGUE);
  await writeFile(path.join(folder, 'go.mod'), goMod);
  await writeFile(path.join(folder, 'go.sum'), goSum);
  await writeFile(path.join(folder, 'main.go'), MAIN('hello'));
  await writeFile(path.join(folder, 'goodbye', 'v2', 'main.go'), MAIN('goodbye'));
  return at(name);
}

/** The real runner, with more in the environment of what it runs. */
function withEnvironment(env: Readonly<Record<string, string>>): Runner {
  return {
    ...systemRunner,
    run: (program, args, options) =>
      systemRunner.run(program, args, { ...options, env: { ...options?.env, ...env } }),
  };
}

/** Processes that have this directory in their command line or environment, besides this one. */
async function processesIn(directory: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const found: string[] = [];
  for (const pid of pids) {
    const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
    const [command, environment] = [await read('cmdline'), await read('environ')];
    if ((command + environment).includes(directory)) found.push(command.replaceAll('\0', ' '));
  }
  return found;
}

function startBuilder(cache: string, modules: string): ChildProcess {
  const script = path.join(import.meta.dirname, 'resolve-hello.ts');
  return spawn(process.execPath, [script, cache, modules], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(child: ChildProcess, pattern: RegExp): Promise<string> {
  assert.ok(child.stdout !== null);
  for await (const line of createInterface({ input: child.stdout })) if (pattern.test(line)) return line;
  throw new Error(`the builder ended before it said ${String(pattern)}`);
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once('exit', () => {
      resolve();
    });
  });

const hasGo = await systemRunner.run('go', ['version']).then(
  () => true,
  () => false,
);

suite('the toolchain, with real Go', { skip: hasGo ? false : 'no Go on PATH' }, () => {
  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
  });
  after(() => rm(root, { recursive: true, force: true }));

  test('builds programs and files of a pinned module; then Go and its caches may go', async () => {
    const modules = await writeModules('modules');
    const context = contextWith(systemRunner, at('cache'), at('state'));
    const said: string[] = [];
    const progress = { update: (text: string) => said.push(text) };
    const wanted = ['hello', 'goodbye'].map((binary) => ({ module: 'hello-1.0.0', binary }));
    const found = await resolveBinaries(wanted, context, progress, modules);
    const run = async (name: string): Promise<string> =>
      (await systemRunner.run(found.get(name) ?? '', [])).stdout;
    assert.equal(await run('hello'), 'hello 1.0.0');
    assert.equal(await run('goodbye'), 'goodbye 1.0.0');
    assert.ok(said.some((text) => /^hello 1\.0\.0: \d+ of \d+ packages, /.test(text)));

    await mkdir(at('cache-two'));
    await rename(at('cache', 'go'), at('cache-two', 'go')); // the next test but one builds faster with them
    const offline = contextWith(withEnvironment({ PATH: '' }), at('cache'), at('state'));
    assert.deepEqual(await resolveBinaries(wanted, offline, silent, modules), found);
    const licence = await moduleFiles('hello-1.0.0', 'licence', offline, silent, modules);
    assert.match(await readFile(licence, 'utf8'), /Dave Cheney/);
    assert.equal((await readdir(at('cache', 'bin'))).length, 1);
  });

  test('a builder that is killed leaves no broken program and no compiler, whenever that happens', async (t) => {
    if (process.platform !== 'linux') {
      t.skip('reads /proc');
      return;
    }
    const modules = await writeModules('modules');
    const cache = at('cache-killed');
    const delays: number[] = [];
    for (const begun of [/its sources/, / of \d+ packages/]) {
      const builder = startBuilder(cache, modules);
      const gone = ended(builder);
      await firstLine(builder, begun);
      const delay = Math.random() * 2_000; // not to wait for anything: any moment will do
      delays.push(delay);
      await systemClock.sleep(delay);
      builder.kill('SIGKILL');
      await gone;
    }
    const about = `killed after ${delays.join(' and ')} ms`;
    const context = contextWith(systemRunner, cache, at('state'));
    const found = await resolveBinaries(
      [{ module: 'hello-1.0.0', binary: 'hello' }],
      context,
      silent,
      modules,
    );
    const { stdout } = await systemRunner.run(found.get('hello') ?? '', []);
    assert.equal(stdout, 'hello 1.0.0', about);
    const names = await readdir(path.join(cache, 'bin'));
    assert.equal(names.length, 1, `${about}: ${names.join(', ')}`);
    await waitFor(
      'what the killed builders had started to end',
      async () => ((await processesIn(cache)).length === 0 ? true : undefined),
      { clock: systemClock, signal: new AbortController().signal, timeoutMs: 30_000 },
    );
  });

  test('two processes at once build once', async () => {
    const modules = await writeModules('modules');
    const cache = at('cache-two');
    const [first, second] = [startBuilder(cache, modules), startBuilder(cache, modules)];
    const lines = await Promise.all([first, second].map((child) => firstLine(child, /^found |waiting for/)));
    const waiting = lines.findIndex((line) => line.includes('waiting for'));
    assert.ok(waiting >= 0, `one of them waits: ${lines.join('; ')}`);
    assert.match(lines[1 - waiting] ?? '', /^found /);
    assert.match(lines[waiting] ?? '', /waiting for `prepare hello 1\.0\.0` \(process \d+\)/);
  });

  const failing: Readonly<
    Record<string, { env?: Record<string, string>; goMod?: string; goSum?: string; what: RegExp }>
  > = {
    'no Go on PATH': { env: { PATH: '' }, what: /^go was not found$/ },
    'a Go that is too old': { goMod: GO_MOD.replace('1.21', '1.999'), what: /^Go 1\.999 or later is needed/ },
    'no network and empty caches': {
      env: { GOPROXY: 'http://127.0.0.1:9' },
      what: /^The sources of hello 1\.0\.0 could not be downloaded$/,
    },
    'a source that was changed': {
      goSum: GO_SUM.replace('h1:FEB', 'h1:AAA'),
      what: /^A source of hello 1\.0\.0 is not the one that is pinned$/,
    },
  };
  for (const [name, { env = {}, goMod, goSum, what }] of Object.entries(failing)) {
    test(`${name}: says so, and leaves nothing`, async () => {
      const modules = await writeModules('modules-failing', goMod, goSum);
      const cache = at('cache-failing');
      const context = contextWith(withEnvironment(env), cache, at('state'));
      const resolve = resolveBinaries([{ module: 'hello-1.0.0', binary: 'hello' }], context, silent, modules);
      await assert.rejects(resolve, (error: { kind?: string; what?: string; hint?: string }) => {
        assert.equal(error.kind, 'environment');
        assert.match(error.what ?? '', what);
        assert.ok((error.hint ?? '') !== '');
        return true;
      });
      assert.deepEqual(await readdir(path.join(cache, 'bin')), []);
    });
  }
});
