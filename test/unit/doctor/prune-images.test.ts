import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { suite, test } from 'node:test';
import { prune } from '../../../cluster/doctor/prune.ts';
import { buildContainer, imageEntry } from '../../../cluster/kind/image/entries.ts';
import { lockFile } from '../../../cluster/toolchain/cache.ts';
import { acquireLock } from '../../../lib/lock.ts';
import { temporary } from '../kind/cached-programs.ts';
import { FakeImages } from '../kind/fake-images.ts';
import { contextWith } from '../toolchain/fake-go.ts';

suite('pruning where an engine answers', () => {
  test('removes images of ours that no container was made of, and says what each freed', async (t) => {
    const { cache, state } = await temporary(t);
    const engine = new FakeImages();
    engine.add('toolforge-local/node:1', 30, 'a');
    engine.add('toolforge-local/balancer:1', 7, 'b');
    engine.used = ['toolforge-local/node:1'];
    const removed = await prune(contextWith(engine, cache, state));
    assert.deepEqual(removed, [{ path: 'toolforge-local/balancer:1', bytes: 7 }]);
    // First, or the image that it was made of would stay too.
    assert.deepEqual(engine.changes, [
      `rm --force --volumes ${buildContainer(cache)}`,
      'rmi toolforge-local/balancer:1',
    ]);
  });

  test('removes none while one is being made', async (t) => {
    const { cache, state } = await temporary(t);
    const engine = new FakeImages();
    engine.add('toolforge-local/node-root:1', 30, 'a');
    const context = contextWith(engine, cache, state);
    const lock = lockFile(imageEntry('node', cache));
    await mkdir(path.dirname(lock), { recursive: true });
    const release = await acquireLock(lock, { ...context, command: 'prepare node image' });
    await assert.rejects(prune(context), { kind: 'busy', why: /prepare node image/ });
    assert.deepEqual(engine.changes, []);
    await release();
    assert.equal((await prune(context)).length, 1);
  });
});
