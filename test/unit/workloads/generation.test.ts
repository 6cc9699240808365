import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import {
  ensureGenerators,
  generationFile,
  readGenerators,
  writeGeneration,
} from '../../../components/workloads/generation.ts';
import { readSession } from '../../../components/workloads/session.ts';
import { Failure } from '../../../lib/errors.ts';

suite('the generation of a cluster', () => {
  let directory: string;
  let file: string;
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-generation-'));
    file = generationFile(directory);
  });
  after(() => rm(directory, { recursive: true }));
  const ensure = (podSecurityPolicy: boolean): Promise<string> =>
    ensureGenerators({ directory, profile: { podSecurityPolicy }, platform: {} });

  test('is what the profile says until somebody says otherwise', async () => {
    assert.equal((await readGenerators(file))?.generation, undefined);
    assert.equal(await ensure(true), file);
    assert.equal((await readGenerators(file))?.generation, 'before');
    await rm(file);
    await ensure(false);
    assert.equal((await readGenerators(file))?.generation, 'explicit');
    await writeGeneration(directory, 'default-proc-mount');
    await ensure(false);
    assert.equal((await readGenerators(file))?.generation, 'default-proc-mount');
  });

  test('can be read by every tool, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      await rm(path.dirname(file), { recursive: true });
      await writeGeneration(directory, 'explicit');
    } finally {
      process.umask(umask);
    }
    assert.equal((await stat(file)).mode & 0o777, 0o644);
    assert.equal((await stat(path.dirname(file))).mode & 0o777, 0o755);
  });

  test('keeps the web domain, and says so when the file is damaged', async () => {
    await writeFile(file, '{"generation":"before","webDomain":"example.org"}');
    await writeGeneration(directory, 'explicit');
    const env = {
      TOOL_DATA_DIR: '/mnt/data/project/tf-test',
      KUBECONFIG: 'k',
      TOOLFORGE_LOCAL_TOOL_UID: '50001',
      TOOLFORGE_LOCAL_GENERATORS: file,
    };
    const { tool, generators } = await readSession(env);
    assert.deepEqual(generators, { generation: 'explicit', webDomain: 'example.org' });
    assert.deepEqual(tool, {
      name: 'tf-test',
      namespace: 'tool-tf-test',
      uid: 50_001,
      home: '/data/project/tf-test',
    });
    await writeFile(file, '{"generation":"tomorrow"}');
    await assert.rejects(readGenerators(file), /not valid/);
  });

  test('outside of `become` nothing is done', async () => {
    await assert.rejects(readSession({}), (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, 'usage');
      assert.match(error.hint ?? '', /become TOOL/);
      return true;
    });
  });
});
