import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import { acquireLock } from '../../../lib/lock.ts';
import type { Runner } from '../../../lib/run.ts';
import { renderDiagnosis, type Diagnosis } from '../../../cluster/doctor.ts';
import { openFileLimit, portCheck } from '../../../cluster/doctor/machine.ts';
import { examinePrograms } from '../../../cluster/doctor/programs.ts';
import { prune } from '../../../cluster/doctor/prune.ts';
import { loadProfile } from '../../../cluster/profile.ts';
import { writeRecord } from '../../../cluster/record.ts';
import { binaryPath, cacheEntry, lockFile } from '../../../cluster/toolchain/cache.ts';
import { loadCatalogue, MODULES_DIRECTORY, pinnedModule } from '../../../cluster/toolchain/catalogue.ts';
import { contextWith } from '../toolchain/fake-go.ts';
import { recordOf } from '../../record.ts';

const MIB = 1024 ** 2;

/** In place of `du` and `go`: every directory has a mebibyte; there is no Go, or this one, and nothing else. */
function fakeRunner(go?: string): Runner {
  return {
    run(program, args) {
      if (program === 'du')
        return Promise.resolve({ stdout: `1024\t${args[1] ?? ''}\n`, stderr: '', exitCode: 0 });
      if (program !== 'go' || go === undefined)
        return Promise.reject(new Failure({ kind: 'environment', what: `${program} was not found` }));
      return Promise.resolve({ stdout: `${go}\n`, stderr: '', exitCode: 0 });
    },
    attach: () => Promise.reject(new Error('not used')),
  };
}

async function empty(t: TestContext, go?: string): Promise<{ context: Context; cache: string }> {
  const root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const cache = path.join(root, 'cache');
  return { context: contextWith(fakeRunner(go), cache, path.join(root, 'state')), cache };
}

suite('programs', () => {
  test('with an empty cache, all that the profile needs is to be built, and Go is missing', async (t) => {
    const { context } = await empty(t);
    const profile = await loadProfile('current');
    const { modules, toBuild, checks } = await examinePrograms(profile, false, context);
    const kubernetes = modules.find(({ id }) => id === `kubernetes-${profile.kubernetes}`);
    assert.ok(kubernetes !== undefined);
    assert.ok(kubernetes.toBuild.includes('kube-apiserver'));
    assert.ok(!kubernetes.toBuild.includes('kubelet'), 'an embedded cluster runs no kubelet');
    assert.ok(modules.some((module) => module.toBuild.includes('render-chart')));
    assert.ok(toBuild.seconds > 300 && toBuild.bytes > 5_000 * MIB);
    const go = checks.find(({ id }) => id === 'go');
    assert.equal(go?.status, 'missing');
    assert.match(go.hint ?? '', /Install Go 1\.\d+/);
  });

  test('where clusters are nodes in containers, the nodes’ programs are to be built too', async (t) => {
    const { context } = await empty(t, 'go1.99.0');
    const profile = await loadProfile('current');
    const { modules } = await examinePrograms(profile, true, context);
    const toBuild = modules.flatMap((module) => module.toBuild);
    for (const name of ['kind', 'kubelet', 'kube-proxy', 'coredns']) assert.ok(toBuild.includes(name), name);
    assert.equal(toBuild.filter((name) => name === 'kube-apiserver').length, 1);
  });

  test('Go is judged by the newest version that something to be built asks for', async (t) => {
    const profile = await loadProfile('current');
    const old = await empty(t, 'go1.20.1');
    const { checks } = await examinePrograms(profile, false, old.context);
    assert.match(checks.find(({ id }) => id === 'go')?.says ?? '', /^1\.20\.1, and 1\.26/);
    const recent = await empty(t, 'go1.99.0');
    const found = await examinePrograms(profile, false, recent.context);
    assert.equal(found.checks.find(({ id }) => id === 'go')?.status, 'ok');
  });

  test('what is cached is not built again, and needs no Go', async (t) => {
    const { context, cache } = await empty(t);
    const profile = await loadProfile('current');
    const catalogue = await loadCatalogue(MODULES_DIRECTORY);
    const { modules } = await examinePrograms(profile, false, context);
    for (const { id, toBuild } of modules) {
      const entry = await cacheEntry(pinnedModule(catalogue, id), cache);
      await mkdir(entry.directory, { recursive: true });
      for (const name of toBuild) {
        await writeFile(binaryPath(entry, name), 'program', { mode: 0o755 });
        await utimes(binaryPath(entry, name), new Date(), new Date(Date.now() - 3_600_000));
      }
    }
    const after = await examinePrograms(profile, false, context);
    assert.deepEqual(after.toBuild, { seconds: 0, bytes: 0, temporaryBytes: 0 });
    assert.equal(after.checks.find(({ id }) => id === 'go')?.status, 'ok');
    const etcd = after.modules.find(({ id }) => id.startsWith('etcd-'));
    assert.equal(etcd?.size, 14);
    assert.ok(etcd.age !== undefined && etcd.age > 3_590 && etcd.age < 3_700);
  });
});

suite('pruning', () => {
  test('removes caches of builds and stale entries, and says what each freed; current programs stay', async (t) => {
    const { context, cache } = await empty(t);
    const catalogue = await loadCatalogue(MODULES_DIRECTORY);
    const module = [...catalogue.values()][0];
    assert.ok(module !== undefined);
    const { directory } = await cacheEntry(module, cache);
    const stale = ['bin/kubernetes-1.0.0-linux-amd64-00000000', `bin/${path.basename(directory)}.building-7`];
    const old = [
      'go/build',
      'go/mod',
      ...stale,
      'debian/haproxy-buster-amd64-00000000',
      'images/node.building-7',
    ];
    for (const name of old) await mkdir(path.join(cache, name), { recursive: true });
    await mkdir(directory);
    await mkdir(path.join(cache, 'somebody-elses'));
    const removed = await prune(context);
    assert.deepEqual(
      removed.map((entry) => [path.relative(cache, entry.path), entry.bytes]).sort(),
      old.map((name) => [name, MIB]).sort(),
    );
    assert.deepEqual(await readdir(path.join(cache, 'bin')), [path.basename(directory)]);
    assert.deepEqual((await readdir(cache)).sort(), ['bin', 'debian', 'go', 'images', 'somebody-elses']);
    assert.deepEqual(await prune(context), []);
  });

  test('is refused while something is being built, and then removes nothing', async (t) => {
    const { context, cache } = await empty(t);
    await mkdir(path.join(cache, 'go', 'mod'), { recursive: true });
    const catalogue = [...(await loadCatalogue(MODULES_DIRECTORY)).values()];
    const last = catalogue.at(-1);
    assert.ok(last !== undefined);
    await mkdir(path.join(cache, 'bin'));
    const lock = lockFile(await cacheEntry(last, cache));
    const release = await acquireLock(lock, { ...context, command: 'build coredns' });
    await assert.rejects(prune(context), { kind: 'busy', why: /build coredns/ });
    await release();
    assert.equal((await prune(context)).length, 1);
    assert.deepEqual(await readdir(path.join(cache, 'bin')), [], 'its own locks are gone');
  });
});

suite('ports', () => {
  test('free, another program’s, or a cluster’s of ours', async (t) => {
    const { context } = await empty(t);
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const check = await portCheck(port, '--api-port', context);
    assert.equal(check.status, 'missing');
    assert.match(check.hint ?? '', /--api-port/);
    await writeRecord(context.paths, recordOf({ name: 'mine', apiPort: port, statsPort: 1024 }));
    assert.deepEqual((await portCheck(port, '--api-port', context)).says, 'cluster mine has it');
  });
});

test('the limit of open files, as Node reports it', () => {
  assert.equal(openFileLimit({ userLimits: { open_files: { soft: 1024, hard: 4096 } } }), 1024);
  assert.equal(
    openFileLimit({ userLimits: { open_files: { soft: 'unlimited', hard: 'unlimited' } } }),
    undefined,
  );
  assert.equal(openFileLimit({}), undefined);
});

test('a diagnosis is one line for each thing, with a hint only where something is to be done', () => {
  const diagnosis: Diagnosis = {
    profile: 'current',
    ready: false,
    checks: [
      { id: 'node', title: 'Node', status: 'ok', says: '24.1.0', hint: 'never shown' },
      {
        id: 'go',
        title: 'Go',
        status: 'missing',
        says: 'not found',
        hint: 'Install it.\nThen run this again.',
      },
    ],
    modules: [
      { id: 'a-1.0.0', title: 'a 1.0.0', cached: ['x'], toBuild: [], size: 50 * MIB, age: 7200 },
      {
        id: 'b-1.0.0',
        title: 'b 1.0.0',
        cached: [],
        toBuild: ['y', 'z'],
        size: 0,
        cost: { seconds: 90, bytes: MIB, temporaryBytes: 0 },
      },
      { id: 'c-1.0.0', title: 'c 1.0.0', cached: [], toBuild: [], size: 0 },
    ],
    hostPrograms: [{ set: 'haproxy', source: 'unpacked', version: '2.6.12' }],
    toBuild: { seconds: 90, bytes: MIB, temporaryBytes: MIB },
    caches: { directory: '/cache', goBuild: 3 * MIB, goModules: null },
  };
  const { output } = contextWith(fakeRunner(), '/cache', '/state');
  const lines = renderDiagnosis(diagnosis, output).map((line) => line.trim().replaceAll(/ {2,}/g, '  '));
  assert.deepEqual(lines, [
    'This machine',
    '✓ Node  24.1.0',
    '✗ Go  not found',
    'Install it.',
    'Then run this again.',
    '',
    'Programs in /cache',
    '✓ a 1.0.0  1 program, 50 MiB, 2 hours old',
    '+ b 1.0.0  to build: y, z (1 minute)',
    '· c 1.0.0  not built, not needed by this profile',
    '✓ haproxy 2.6.12  unpacked',
    'only for builds  sources: many files, not counted, compiled packages: 3 MiB; `npm run doctor -- --prune` removes them',
    '',
    'The first `npm run up` builds for 1 minute (profile current; measured on 2 cores), and takes 2 MiB of disk.',
  ]);
});
