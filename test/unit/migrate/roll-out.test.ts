import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Clock } from '../../../lib/clock.ts';
import { Failure } from '../../../lib/errors.ts';
import { judge, LIMITS, type Sample } from '../../../lab/migrate/health.ts';
import { rollOut, type RollOutRequest } from '../../../lab/migrate/roll-out.ts';

const GIB = 1024 ** 3;
const FINE: Sample = {
  ready: 20,
  admission: 80,
  memory: [{ machine: 'control-plane-1', used: GIB, limit: 8 * GIB }],
  down: [],
  bypassed: [],
};

/** A roll-out against a control plane that a function describes, by the share and by the look. */
async function run(
  request: Partial<RollOutRequest>,
  plane: (percent: number, look: number) => { sample?: Sample; failing?: string[]; done?: boolean },
) {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  };
  const shares: number[] = [];
  const said: string[] = [];
  let look = 0;
  const state = (): ReturnType<typeof plane> => plane(shares.at(-1) ?? 0, look);
  const result = await rollOut(
    { tools: [], from: 0, to: 100, limits: LIMITS, ...request },
    {
      setPercent: (percent) => {
        shares.push(percent);
        return Promise.resolve();
      },
      sample: () => {
        look += 1;
        return Promise.resolve(state().sample ?? FINE);
      },
      settled: () => {
        const { done = true, failing = [] } = state();
        return Promise.resolve({ done, failing });
      },
      say: (text) => said.push(text),
      event: () => undefined,
      clock,
      signal: new AbortController().signal,
    },
  ).catch((error: unknown) => error);
  return { shares, said, result, looks: look };
}

suite('a roll-out', () => {
  test('begins with canaries and takes larger steps while all is well', async () => {
    const { shares, result } = await run({}, () => ({}));
    assert.deepEqual(shares.slice(0, 6), [1, 3, 7, 15, 25, 35]);
    assert.equal(shares.at(-1), 100);
    assert.match(String(result), /^100 % of the tools; API 20 ms, admission 80 ms/);
  });

  test('waits until each share has the policy', async () => {
    const { shares, looks } = await run({ to: 1 }, (_, look) => ({ done: look > 5 }));
    assert.deepEqual(shares, [1]);
    assert.equal(looks, 6);
  });

  test('pauses at two bad looks, says why, and goes on in small steps after three good ones', async () => {
    const slow = { ...FINE, admission: 9_000 };
    let bad = 0;
    const { shares, said, result } = await run({}, (percent) => {
      if (percent < 15 || bad >= 4) return {};
      bad += 1;
      return { sample: slow, done: false };
    });
    const paused = said.filter((text) => text.startsWith('paused'));
    assert.equal(paused[0], 'paused at 15 % of the tools: admission of a pod takes 9000 ms, more than 3000');
    assert.deepEqual(shares.slice(0, 6), [1, 3, 7, 15, 16, 18]);
    assert.match(String(result), /paused once/);
  });

  test('one bad look is chance', async () => {
    const { result } = await run({}, (_, look) =>
      look === 3 ? { sample: { ...FINE, ready: 'no answer' } } : {},
    );
    assert.doesNotMatch(String(result), /paused/);
  });

  test('ends where it is when the control plane does not recover', async () => {
    const { shares, result } = await run({}, (percent) =>
      percent > 3 ? { failing: ['tool/a: refused'], done: false } : {},
    );
    assert.ok(result instanceof Failure);
    assert.equal(result.kind, 'incomplete');
    assert.match(result.message, /stopped at 7 % of the tools/);
    assert.equal(result.why, 'tool/a: refused');
    assert.equal(shares.at(-1), 7);
  });

  test('goes down in the same way', async () => {
    const { shares } = await run({ from: 100, to: 0 }, () => ({}));
    assert.deepEqual(shares.slice(0, 4), [99, 97, 93, 85]);
    assert.equal(shares.at(-1), 0);
  });

  test('of names alone is one step, and is waited for', async () => {
    const { shares, looks, result } = await run({ to: 0, tools: ['a', 'b'] }, (_, look) => ({
      done: look > 2,
    }));
    assert.deepEqual(shares, [0]);
    assert.equal(looks, 3);
    assert.match(String(result), /^a, b;/);
  });
});

suite('the health of a control plane', () => {
  const cases: readonly (readonly [string, Partial<Sample>, RegExp | undefined])[] = [
    ['is fine', {}, undefined],
    ['a slow API', { ready: 1_500 }, /the API takes 1500 ms/],
    ['an API that does not answer', { ready: 'connection refused' }, /the API: connection refused/],
    ['a webhook that does not answer', { admission: 'timeout' }, /admission of a pod: timeout/],
    [
      'a machine almost full',
      { memory: [{ machine: 'm', used: 7 * GIB, limit: 8 * GIB }] },
      /m uses 7\.0 GiB of 8\.0 GiB/,
    ],
    [
      'an API server that is gone',
      { down: ['k8s-api/control-plane-2'] },
      /k8s-api\/control-plane-2 is not up/,
    ],
    ['policies that nobody asks', { bypassed: ['kyverno-x is empty'] }, /kyverno-x is empty/],
  ];
  for (const [what, change, reason] of cases) {
    test(what, () => {
      const reasons = judge({ ...FINE, ...change }, LIMITS);
      if (reason === undefined) assert.deepEqual(reasons, []);
      else assert.match(reasons.join('\n'), reason);
    });
  }
});
