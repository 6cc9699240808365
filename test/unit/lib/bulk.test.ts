import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { bulkFailure, BulkMeter, runBulk, type BulkOptions } from '../../../lib/bulk.ts';
import { formatBulk } from '../../../lib/bulk-progress.ts';
import { Failure } from '../../../lib/errors.ts';
import type { Clock } from '../../../lib/clock.ts';

const refused = (why: string): Failure => new Failure({ kind: 'cluster', what: 'refused', why });
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const options = (work: (item: number) => Promise<void>, signal?: AbortSignal): BulkOptions<number> => ({
  concurrency: 4,
  signal: signal ?? new AbortController().signal,
  nameOf: String,
  work,
});

suite('runBulk', () => {
  test('works on every item once, and never on more at once than asked for', async () => {
    const seen: number[] = [];
    let now = 0;
    let most = 0;
    const outcome = await runBulk(
      numbers(50),
      options(async (item) => {
        most = Math.max(most, (now += 1));
        await turn();
        seen.push(item);
        now -= 1;
      }),
    );
    assert.deepEqual(outcome, { failed: 0, failures: [], gaveUp: false });
    assert.deepEqual(
      seen.sort((a, b) => a - b),
      numbers(50),
    );
    assert.equal(most, 4);
  });

  test('goes on after items that fail, and keeps the first failures with their names', async () => {
    const { failed, failures, gaveUp } = await runBulk(
      numbers(100),
      options(async (item) => {
        await turn();
        if (item % 3 === 0) throw refused(`no ${item}`);
      }),
    );
    assert.equal(failed, 33);
    assert.equal(gaveUp, false);
    assert.equal(failures.length, 20);
    assert.deepEqual(failures[0]?.name, '3');
  });

  test('gives up when nothing goes well any more, within a few tries', async () => {
    let tries = 0;
    const { failed, gaveUp } = await runBulk(
      numbers(1_000),
      options(async () => {
        tries += 1;
        await turn();
        throw refused('never');
      }),
    );
    assert.ok(gaveUp);
    assert.ok(tries <= 8, `${tries} tries`);
    assert.equal(failed, tries);
  });

  test('an interrupt ends it with the failure of its kind, after what is under way', async () => {
    const abort = new AbortController();
    let underWay = 0;
    const run = runBulk(
      numbers(100),
      options(async (item) => {
        underWay += 1;
        await turn();
        underWay -= 1;
        if (item === 10) abort.abort();
      }, abort.signal),
    );
    await assert.rejects(run, (error: unknown) => error instanceof Failure && error.kind === 'interrupted');
    assert.equal(underWay, 0);
  });

  test('a bug ends it as it is, after what is under way', async () => {
    let underWay = 0;
    const run = runBulk(
      numbers(100),
      options(async (item) => {
        underWay += 1;
        await turn();
        underWay -= 1;
        if (item === 10) throw new TypeError('undefined is not a function');
      }),
    );
    await assert.rejects(run, TypeError);
    assert.equal(underWay, 0);
  });
});

suite('bulkFailure', () => {
  const outcome = {
    failed: 3,
    gaveUp: false,
    failures: [
      { name: 'seed-0001', failure: refused('policy of seed-0001 is not valid') },
      { name: 'seed-0002', failure: refused('policy of seed-0002 is not valid') },
      { name: 'seed-0003', failure: refused('no room') },
    ],
  };

  test('tells each reason once, and whether anything went well', () => {
    const failure = bulkFailure('3 of 9 accounts could not be written', 6, outcome, 'Try again.');
    assert.equal(failure.kind, 'incomplete');
    assert.equal(failure.why, 'policy of … is not valid\nno room\n(first: seed-0001)');
    assert.equal(bulkFailure('3 of 3', 0, outcome, '').kind, 'cluster');
    assert.match(bulkFailure('3 of 9', 0, { ...outcome, gaveUp: true }, '').what, /stopped/);
  });
});

suite('BulkMeter', () => {
  let time = 0;
  const clock: Clock = { now: () => time, sleep: () => Promise.resolve() };

  test('knows the rate of the last ten seconds and what is left at it', () => {
    time = 0;
    const meter = new BulkMeter(2_000, clock);
    assert.deepEqual(meter.snapshot(), { total: 2_000, done: 0, failed: 0, seconds: 0, rate: 0 });
    for (let tenth = 1; tenth <= 200; tenth += 1) {
      time = tenth * 100;
      for (let item = 0; item < (tenth <= 100 ? 1 : 5); item += 1) meter.settle(true);
    }
    const { done, seconds, rate, left } = meter.snapshot();
    assert.deepEqual({ done, seconds }, { done: 600, seconds: 20 });
    assert.ok(Math.abs(rate - 50) < 2, `${rate}`);
    assert.ok(Math.abs((left ?? 0) - 28) < 2, `${left ?? 0}`);
  });

  test('is shown in one line', () => {
    assert.equal(
      formatBulk({ total: 4_000, done: 2_000, failed: 2, seconds: 40, rate: 54.3, left: 36.8 }, [
        'apiserver 1.1 GiB',
      ]),
      '████████████░░░░░░░░░░░░ 2,000 of 4,000 · 54/s · 37s left · 2 failed · apiserver 1.1 GiB',
    );
    assert.equal(
      formatBulk({ total: 4, done: 4, failed: 0, seconds: 2, rate: 2, left: 0 }),
      '████████████████████████ 4 of 4 · 2.0/s',
    );
  });
});
