import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { rememberEngine, requireKnownEngine } from '../../../cluster/kind/known-engine.ts';
import { layout } from '../../../cluster/kind/layout.ts';
import type { Context } from '../../../lib/context.ts';
import type { Runner } from '../../../lib/run.ts';

/** A Docker that answers with this identity. */
function dockerOf(id: string): Context {
  const runner: Runner = {
    run: (_, args) =>
      Promise.resolve({ stdout: args[0] === 'info' ? `${id}\n` : '28.2.2\n', stderr: '', exitCode: 0 }),
    attach: () => Promise.reject(new Error('nothing is attached here')),
  };
  return { runner, signal: new AbortController().signal } as unknown as Context;
}
const docker = { name: 'docker', version: '28.2.2' } as const;

suite('the engine of a cluster', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-engine-'));
    await mkdir(layout(directory).kind);
  });
  after(() => rm(directory, { recursive: true }));

  test('is whichever answers until there are containers', async () => {
    assert.equal((await requireKnownEngine(directory, dockerOf('one'))).name, 'docker');
  });

  test('is the one that has its containers from then on; another is refused', async () => {
    await rememberEngine(directory, docker, dockerOf('one'));
    assert.deepEqual(await requireKnownEngine(directory, dockerOf('one')), docker);
    await assert.rejects(
      requireKnownEngine(directory, dockerOf('two')),
      (error: { message: string; why?: string; hint?: string }) =>
        /Another container engine/.test(error.message) &&
        error.why === 'they were made with docker one, and docker two answers now' &&
        /engine\.json/.test(error.hint ?? ''),
    );
  });
});
