import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Failure } from '../../../lib/errors.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { waitFor } from '../../../lib/wait.ts';
import { fakeClock } from '../clock.ts';

suite('waitFor', () => {
  const signal = new AbortController().signal;

  test('returns what the probe found, after longer and longer pauses', async () => {
    const clock = fakeClock();
    let probes = 0;
    const found = await waitFor('a thing', () => Promise.resolve((probes += 1) === 5 ? 'here' : undefined), {
      clock,
      signal,
      timeoutMs: 10_000,
    });
    assert.equal(found, 'here');
    assert.equal(clock.slept.length, 4);
    assert.deepEqual(
      clock.slept,
      clock.slept.toSorted((a, b) => a - b),
    );
  });

  test('names what was awaited, the last error and the hint when the deadline passes', async () => {
    const clock = fakeClock();
    await assert.rejects(
      waitFor('the moon', () => Promise.reject(new Error('cloudy')), {
        clock,
        signal,
        timeoutMs: 1_000,
        hint: 'Go home.',
      }),
      (error: unknown) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.what, 'Waited 1s for the moon');
        assert.equal(error.why, 'cloudy');
        assert.equal(error.hint, 'Go home.');
        return true;
      },
    );
  });

  test('gives up at once at a failure, but goes on after an answer of the API server', async () => {
    const clock = fakeClock();
    const dead = new Failure({ kind: 'cluster', what: 'etcd ends again and again' });
    await assert.rejects(
      waitFor('x', () => Promise.reject(dead), { clock, signal, timeoutMs: 1_000 }),
      dead,
    );
    assert.deepEqual(clock.slept, []);
    let probes = 0;
    const probe = (): Promise<true> => {
      probes += 1;
      return probes === 1
        ? Promise.reject(new KubeError('GET /readyz', 500, '', 'not yet'))
        : Promise.resolve(true);
    };
    assert.equal(await waitFor('x', probe, { clock, signal, timeoutMs: 1_000 }), true);
  });

  test('ends as interrupted when the signal aborts', async () => {
    const abort = new AbortController();
    abort.abort();
    await assert.rejects(
      waitFor('x', () => Promise.resolve(undefined), {
        clock: fakeClock(),
        signal: abort.signal,
        timeoutMs: 1,
      }),
      (error: unknown) => error instanceof Failure && error.kind === 'interrupted',
    );
  });
});
