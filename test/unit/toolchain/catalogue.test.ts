import assert from 'node:assert/strict';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { Failure } from '../../../lib/errors.ts';
import { executableName } from '../../../cluster/toolchain/build.ts';
import { cacheEntry } from '../../../cluster/toolchain/cache.ts';
import { loadCatalogue, MODULES_DIRECTORY, pinnedModule } from '../../../cluster/toolchain/catalogue.ts';
import { PLATFORM, requiredGo } from '../../../cluster/toolchain/go.ts';
import { CATALOGUE, fixture } from './fake-go.ts';

async function problemOf(t: TestContext, catalogue: string): Promise<Failure> {
  const { modules } = await fixture(t, catalogue);
  const error: unknown = await loadCatalogue(modules).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof Failure, 'a bad catalogue is an expected failure');
  return error;
}

suite('the catalogue', () => {
  test('names every folder of pinned modules, and each has what it needs', async () => {
    const catalogue = await loadCatalogue(MODULES_DIRECTORY);
    const entries = await readdir(MODULES_DIRECTORY, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    assert.deepEqual([...catalogue.keys()].sort(), folders.sort());
    for (const module of catalogue.values()) assert.match(await requiredGo(module), /^1\.\d+/);
  });

  test('fills in what may be left out, and names modules for people', async (t) => {
    const { modules } = await fixture(
      t,
      'modules: {kube-tools-1.2.3: {version: 1.2.3, binaries: {a: b.test/a}}}',
    );
    const module = pinnedModule(await loadCatalogue(modules), 'kube-tools-1.2.3');
    assert.equal(module.title, 'kube-tools 1.2.3');
    assert.deepEqual([module.ldflags, module.files], [[], {}]);
  });

  test('reports every problem at once, with its place', async (t) => {
    const problem = await problemOf(
      t,
      `modules:
  nameless: {version: 1.2.3, binaries: {}}
  tools-1.2.3: {version: latest, binaries: {one: 1}, ldflag: [], files: {x: {module: m, path: ../../etc}}}`,
    );
    assert.equal(problem.kind, 'usage');
    for (const part of ['nameless', 'version', 'binaries.one', 'ldflag', 'files.x.path', 'catalogue.yaml'])
      assert.ok(problem.message.includes(part), `${part} in:\n${problem.message}`);
  });

  test('says so when it is no YAML, or missing', async (t) => {
    assert.equal((await problemOf(t, 'modules: {')).kind, 'usage');
    const { cache } = await fixture(t);
    await assert.rejects(loadCatalogue(cache), { kind: 'usage', why: 'there is no such file' });
  });
});

suite('the key of a cache entry', () => {
  test('names module, version and platform', async (t) => {
    const { modules, cache } = await fixture(t);
    const { directory } = await cacheEntry(pinnedModule(await loadCatalogue(modules), 'tools-1.2.3'), cache);
    const name = new RegExp(`^tools-1\\.2\\.3-${PLATFORM.os}-${PLATFORM.arch}-[0-9a-f]{8}$`);
    assert.match(path.basename(directory), name);
    assert.equal(path.dirname(directory), path.join(cache, 'bin'));
  });

  test('changes with go.mod, go.sum, own sources and linker flags, and with nothing else', async (t) => {
    const { modules, cache } = await fixture(t);
    const key = async (): Promise<string> =>
      (await cacheEntry(pinnedModule(await loadCatalogue(modules), 'tools-1.2.3'), cache)).directory;
    const folder = path.join(modules, 'tools-1.2.3');
    const seen = [await key()];
    assert.equal(await key(), seen[0]);
    await writeFile(path.join(folder, 'README'), 'text');
    assert.equal(await key(), seen[0]);
    for (const file of ['go.mod', 'go.sum', 'main.go']) {
      await appendFile(path.join(folder, file), '// changed\n');
      seen.push(await key());
    }
    await writeFile(path.join(modules, 'catalogue.yaml'), CATALOGUE.replace('=1.2.3', '=1.2.4'));
    seen.push(await key());
    assert.equal(new Set(seen).size, seen.length);
  });
});

test('a program is called as `go build -o DIR/` calls it', () => {
  const names = {
    'k8s.io/kubernetes/cmd/kube-apiserver': 'kube-apiserver',
    'go.etcd.io/etcd/server/v3': 'server',
    'example.test/v1': 'v1',
    'example.test/tool/v12': 'tool',
    'example.test/tool/v0': 'v0',
    kind: 'kind',
  };
  for (const [importPath, name] of Object.entries(names)) assert.equal(executableName(importPath), name);
});
