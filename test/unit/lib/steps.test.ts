import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { systemClock } from '../../../lib/clock.ts';
import type { Context } from '../../../lib/context.ts';
import { createOutput } from '../../../lib/output.ts';
import { systemRunner } from '../../../lib/run.ts';
import { runWithin, type Plan } from '../../../lib/steps.ts';

suite('a plan within a step', () => {
  test('is that step’s progress, and shows nothing itself', async () => {
    const stream = new PassThrough();
    const context: Context = {
      output: createOutput({ stdout: stream, stderr: stream }, true, {}),
      runner: systemRunner,
      clock: systemClock,
      paths: { cache: '', state: '' },
      signal: new AbortController().signal,
      env: {},
    };
    const ran: string[] = [];
    const step = (id: string) => ({
      id,
      title: `Do ${id}`,
      run: (_: unknown, progress: { update(said: string): void }) => {
        progress.update(`${id} of 3`);
        ran.push(id);
        return Promise.resolve(undefined);
      },
    });
    const plan: Plan<undefined> = [step('1'), { concurrent: [[step('2')], [step('3')]] }];
    const said: string[] = [];
    await runWithin({ update: (what) => said.push(what) }, plan, undefined, context);
    stream.end();
    assert.deepEqual(ran, ['1', '2', '3']);
    assert.deepEqual(said.slice(0, 2), ['Do 1', '1 of 3']);
    assert.equal(await text(stream), '');
  });
});
