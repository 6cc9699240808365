import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { keyOf } from '../../../components/maintain-kubeusers/accounts/account.ts';
import type { Action, ActionKind } from '../../../components/maintain-kubeusers/difference/difference.ts';
import { WorkQueue } from '../../../components/maintain-kubeusers/loop/work-queue.ts';

const action = (name: string, kind: ActionKind = 'create'): Action => ({
  kind,
  id: { type: 'tool', name },
  apply: [],
  remove: [],
  reason: 'test',
});

/** A queue whose actions end when the test says so. */
function queueOf(places: number) {
  const open = new Map<string, { end: () => void; fail: (error: Error) => void }>();
  const started: string[] = [];
  let time = 0;
  let looks = 0;
  const queue = new WorkQueue({
    places,
    perform: async ({ id, kind }) => {
      started.push(`${kind} ${keyOf(id)}`);
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      open.set(id.name, {
        end: () => {
          resolve(undefined);
        },
        fail: reject,
      });
      await promise;
    },
    monotonic: () => time,
    onFailure: () => undefined,
    onLookAgain: () => (looks += 1),
  });
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    queue,
    started,
    looks: () => looks,
    elapse: (milliseconds: number) => (time += milliseconds),
    end: async (name: string, error?: Error): Promise<void> => {
      const { end, fail } = open.get(name) ?? assert.fail(`${name} is not under way`);
      if (error === undefined) end();
      else fail(error);
      await settle();
    },
  };
}

suite('the work queue', () => {
  test('so many at once, the urgent first, and taking access away has places of its own', async () => {
    const { queue, started, end } = queueOf(2);
    queue.offer([action('a', 'upgrade'), action('b'), action('c'), action('d', 'enable')]);
    assert.deepEqual(started, ['enable tool/d', 'create tool/c']);
    queue.offer([action('a', 'upgrade'), action('b'), action('x', 'disable'), action('y', 'delete')]);
    assert.deepEqual(started.slice(2), ['disable tool/x', 'delete tool/y']);
    await end('d');
    await end('c');
    assert.equal(started.length, 4, 'the two places are still taken');
    await end('x');
    assert.deepEqual(started.slice(4), ['create tool/b']);
  });

  test('one action an account, and what an offer leaves out is dropped', async () => {
    const { queue, started, end, looks } = queueOf(1);
    queue.offer([action('a'), action('b')]);
    queue.offer([action('b'), action('c')]);
    queue.offer([action('b')]);
    await end('b');
    assert.deepEqual(started, ['create tool/b'], 'b was under way when it was offered again');
    assert.equal(looks(), 1, 'what more it needs is looked at when it is done');
    await queue.idle();
    queue.offer([action('c')]);
    await end('c');
    assert.equal(looks(), 1, 'nothing more was to be done for c');
  });

  test('a failed account waits, longer each time, while others go on; something else for it does not wait', async () => {
    const { queue, started, end, elapse } = queueOf(2);
    const offer = (): void => {
      queue.offer([action('a'), action('b')]);
    };
    offer();
    await end('b');
    await end('a', new Error('no'));
    queue.offer([action('a')]);
    assert.equal(started.length, 2);
    elapse(1_300);
    queue.offer([action('a')]);
    assert.equal(started.length, 3);
    await end('a', new Error('no'));
    elapse(1_300);
    queue.offer([action('a')]);
    assert.equal(started.length, 3, 'the second pause is longer');
    assert.equal(queue.failing()[0]?.attempts, 2);
    queue.offer([action('a', 'disable')]);
    assert.deepEqual(started.slice(3), ['disable tool/a']);
    await end('a');
    assert.deepEqual(queue.failing(), []);
  });

  test('no pause is longer than five minutes, and one that is not wanted any more is forgotten', async () => {
    const { queue, end, elapse } = queueOf(1);
    for (let attempt = 0; attempt < 40; attempt += 1) {
      queue.offer([action('a')]);
      await end('a', new Error('no'));
      elapse(5 * 60_000 * 1.25);
    }
    assert.equal(queue.failing()[0]?.attempts, 40);
    queue.offer([]);
    assert.deepEqual(queue.failing(), []);
  });

  test('stopped, it ends what is under way and starts nothing', async () => {
    const { queue, started, end } = queueOf(1);
    queue.offer([action('a'), action('b')]);
    queue.stop();
    const idle = queue.idle();
    await end('b');
    await idle;
    assert.deepEqual(started, ['create tool/b']);
  });
});
