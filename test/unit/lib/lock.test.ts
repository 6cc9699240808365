import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { systemClock } from '../../../lib/clock.ts';
import { Failure } from '../../../lib/errors.ts';
import { acquireLock, startTime } from '../../../lib/lock.ts';

suite('acquireLock', () => {
  let directory: string;
  const options = { command: 'up', clock: systemClock, signal: new AbortController().signal };
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-lock-'));
  });
  after(() => rm(directory, { recursive: true }));

  test('is refused, with the holder named, while a live process has it; free again after its release', async () => {
    const file = path.join(directory, 'held');
    const release = await acquireLock(file, options);
    await assert.rejects(acquireLock(file, { ...options, command: 'down' }), (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, 'busy');
      assert.match(error.what, new RegExp(`\`up\` \\(process ${process.pid}\\)`));
      return true;
    });
    await release();
    await (
      await acquireLock(file, options)
    )();
  });

  test('is taken over from a process that is gone, from one whose id was given away, and from half a file', async () => {
    const started = await startTime(process.pid);
    const stale = [
      JSON.stringify({ pid: 2 ** 22 + 1, started: '1', command: 'up' }),
      JSON.stringify({ pid: process.pid, started: `${started ?? ''}0`, command: 'up' }),
      '{"pid": 1',
      '',
    ];
    for (const [index, content] of stale.entries()) {
      const file = path.join(directory, `stale-${index}`);
      await writeFile(file, content);
      const release = await acquireLock(file, options);
      assert.match(await readFile(file, 'utf8'), new RegExp(`"pid":${process.pid}`));
      await release();
    }
  });

  test('waits for the holder when asked to, and says for whom', async () => {
    const file = path.join(directory, 'waited');
    const release = await acquireLock(file, options);
    const said: string[] = [];
    const second = acquireLock(file, {
      ...options,
      onWait(holder) {
        said.push(holder);
        void release();
      },
    });
    await (
      await second
    )();
    assert.equal(said.length, 1);
  });
});
