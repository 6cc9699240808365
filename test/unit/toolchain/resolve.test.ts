import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { suite, test } from 'node:test';
import { interrupted } from '../../../lib/errors.ts';
import { cacheEntry } from '../../../cluster/toolchain/cache.ts';
import { loadCatalogue, pinnedModule } from '../../../cluster/toolchain/catalogue.ts';
import { PLATFORM } from '../../../cluster/toolchain/go.ts';
import { moduleFiles, resolveBinaries } from '../../../cluster/toolchain/resolve.ts';
import { exited, fixture, type Fixture } from './fake-go.ts';

const BOTH = [
  { module: 'tools-1.2.3', binary: 'one' },
  { module: 'tools-1.2.3', binary: 'two' },
];

const resolve = (f: Fixture, wanted = BOTH): Promise<ReadonlyMap<string, string>> =>
  resolveBinaries(wanted, f.context, f.progress, f.modules);

/** Names in the cache's directory of programs: entries, locks, leftovers. */
const inCache = async (f: Fixture): Promise<string[]> => readdir(path.join(f.cache, 'bin')).catch(() => []);

suite('resolving binaries', () => {
  test('builds all programs of a module in one run of Go, then starts no process at all', async (t) => {
    const f = await fixture(t);
    const found = await resolve(f);
    assert.equal(f.go.count('build'), 1);
    assert.deepEqual([...found.keys()], ['one', 'two']);
    assert.equal(await readFile(found.get('two') ?? '', 'utf8'), 'whole');
    const calls = f.go.calls.length;
    assert.deepEqual(await resolve(f), found);
    assert.equal(f.go.calls.length, calls);
  });

  test('a program that is missing from an entry is built alone and the others stay', async (t) => {
    const f = await fixture(t);
    const first = await resolve(f, BOTH.slice(0, 1));
    const before = await stat(first.get('one') ?? '');
    const found = await resolve(f);
    assert.deepEqual(f.go.calls.findLast((call) => call[1] === 'build')?.slice(-1), [
      'example.test/cmd/two/v3',
    ]);
    assert.equal((await stat(found.get('one') ?? '')).ino, before.ino);
  });

  test('a program that lost its mode or its content is built again', async (t) => {
    const f = await fixture(t);
    const found = await resolve(f);
    await chmod(found.get('one') ?? '', 0o644);
    await writeFile(found.get('two') ?? '', '');
    await resolve(f);
    assert.equal(f.go.count('build'), 2);
    assert.equal(await readFile(found.get('two') ?? '', 'utf8'), 'whole');
  });

  test('a build that is interrupted leaves nothing', async (t) => {
    const f = await fixture(t);
    f.go.failure = interrupted();
    await assert.rejects(resolve(f), { kind: 'interrupted' });
    assert.deepEqual(await inCache(f), []);
  });

  test('a build that fails leaves nothing, and is tried again by the next run', async (t) => {
    const f = await fixture(t);
    f.go.failure = exited('one.go:1:1: undefined: x');
    f.go.lines = ['fmt', '# example.test/cmd/one', 'one.go:1:1: undefined: x'];
    await assert.rejects(resolve(f), { kind: 'environment', what: 'tools 1.2.3 could not be built' });
    assert.deepEqual(await inCache(f), []);
    f.go.failure = undefined;
    assert.equal((await resolve(f)).size, 2);
  });

  test('what a killed build left is removed by the next', async (t) => {
    const f = await fixture(t);
    const entry = await cacheEntry(
      pinnedModule(await loadCatalogue(f.modules), 'tools-1.2.3'),
      f.context.paths.cache,
    );
    const left = path.join(`${entry.directory}.building-4194305`, 'bin');
    await mkdir(left, { recursive: true });
    await writeFile(path.join(left, 'one'), 'ha');
    await writeFile(
      `${entry.directory}.lock`,
      JSON.stringify({ pid: 4194305, started: '1', command: 'build' }),
    );
    await resolve(f);
    assert.deepEqual(await inCache(f), [path.basename(entry.directory)]);
  });

  test('a program that is not what was asked for never reaches the cache', async (t) => {
    const f = await fixture(t);
    f.go.wrongPackage = 'example.test/cmd/other';
    await assert.rejects(resolve(f), /is not the one of tools-1\.2\.3/);
    f.go.wrongPackage = undefined;
    await resolve(f);
    assert.equal(f.go.count('build'), 2);
  });

  test('two at once build once; the second waits, says so, and finds it', async (t) => {
    const f = await fixture(t);
    let open = (): void => undefined;
    f.go.gate = new Promise((resolve) => {
      open = resolve;
    });
    const waiting: string[] = [];
    const progress = {
      update: (text: string): void => {
        waiting.push(text);
        if (text.includes('waiting for')) open();
      },
    };
    const run = (): Promise<ReadonlyMap<string, string>> =>
      resolveBinaries(BOTH, f.context, progress, f.modules);
    const [first, second] = await Promise.all([run(), run()]);
    assert.equal(f.go.count('build'), 1);
    assert.deepEqual(first, second);
    assert.ok(waiting.some((text) => /^tools 1\.2\.3: waiting for `.*` \(process \d+\)/.test(text)));
  });

  test('programs for another system are built for it, and kept beside those for this one', async (t) => {
    const f = await fixture(t);
    const wanted = BOTH.slice(0, 1);
    const here = await resolve(f, wanted);
    const there = await resolveBinaries(wanted, f.context, f.progress, f.modules, 'plan9');
    assert.equal(f.go.count('build'), 2);
    assert.equal(there.get('one'), here.get('one')?.replace(`-${PLATFORM.os}-`, '-plan9-'));
    assert.equal(await readFile(there.get('one') ?? '', 'utf8'), 'whole');
  });

  test('a version that is not pinned is refused with those that are', async (t) => {
    const f = await fixture(t);
    await assert.rejects(resolve(f, [{ module: 'tools-9.9.9', binary: 'one' }]), {
      kind: 'usage',
      hint: /tools-1\.2\.3/,
    });
  });

  test('a Go that is too old is refused before anything is built, with the version that is needed', async (t) => {
    const f = await fixture(t);
    f.go.version = 'go1.22.3';
    await assert.rejects(resolve(f), { kind: 'environment', what: /Go 1\.24\.0 or later .* 1\.22\.3/ });
    assert.equal(f.go.count('build'), 0);
  });

  test('says what it does: downloads, packages, and how long', async (t) => {
    const f = await fixture(t);
    await resolve(f);
    assert.match(f.said[0] ?? '', /^tools 1\.2\.3: looking at its sources, \d+ms$/);
    assert.ok(f.said.some((text) => /^tools 1\.2\.3: 0 of 2 packages, /.test(text)));
  });
});

suite('files of a module', () => {
  test('come with its programs, with modes that their owner can delete', async (t) => {
    const f = await fixture(t);
    await resolve(f);
    const chart = await moduleFiles('tools-1.2.3', 'chart', f.context, f.progress, f.modules);
    assert.equal(f.go.count('mod'), 1);
    assert.equal(await readFile(path.join(chart, 'templates', 'a.yaml'), 'utf8'), 'a: 1\n');
    assert.equal((await stat(path.join(chart, 'templates', 'a.yaml'))).mode & 0o777, 0o600);
  });

  test('are copied alone where only they are wanted, and need no sources afterwards', async (t) => {
    const f = await fixture(t);
    const ask = (): Promise<string> => moduleFiles('tools-1.2.3', 'chart', f.context, f.progress, f.modules);
    const chart = await ask();
    assert.equal(f.go.count('build'), 0);
    await rm(f.go.sources, { recursive: true });
    assert.equal(await ask(), chart);
    assert.equal(await readFile(path.join(chart, 'Chart.yaml'), 'utf8'), 'name: chart\n');
  });
});
