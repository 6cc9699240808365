import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { readRecord, writeRecord } from '../../../cluster/record.ts';
import { rateAgainst, timeAgainst, type Result } from '../../../lab/bench/measurement.ts';
import { memoryResults } from '../../../lab/bench/memory.ts';
import { renderResults } from '../../../lab/bench/render.ts';
import { bench } from '../../../lab/bench/run.ts';
import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import { recordOf } from '../../record.ts';

suite('benchmark results', () => {
  test('a ratio above one is always in our favour', () => {
    assert.equal(timeAgainst(10, 'kind', 30).ratio, 3);
    assert.equal(rateAgainst(75, 'kubectl', 1.25).ratio, 60);
  });

  test('memory is set beside what each process used idle, and summed up', () => {
    const results = memoryResults(
      new Map([['etcd-1', 100]]),
      new Map([
        ['etcd-1', 150],
        ['late', 50],
      ]),
      '9 accounts',
    );
    assert.deepEqual(
      results.map(({ id, value, against }) => [id, value, against?.ratio]),
      [
        ['memory.etcd-1', 150, 1.5],
        ['memory.late', 50, undefined],
        ['memory.everything', 200, 2],
      ],
    );
  });

  test('are lines in columns, and say what was not measured', () => {
    const results: Result[] = [
      { id: 'up', what: '`up`', value: 12.34, unit: 'seconds', against: timeAgainst(12.34, 'bare', 3.4) },
      {
        id: 'seed',
        what: 'seed',
        value: 75,
        unit: 'a second',
        note: '4000',
        against: rateAgainst(75, 'loop', 1.25, '20'),
      },
      { id: 'kind', what: 'kind', skipped: 'no container engine answers' },
    ];
    assert.deepEqual(renderResults(results), [
      '`up`  12.3 s        bare: 3.4 s                  0.28 ×',
      'seed  75/s (4000)   loop: 1.3/s (20)             60 ×',
      'kind  not measured  no container engine answers',
    ]);
  });
});

suite('bench', () => {
  test('refuses the name of a cluster that is there: it would remove it', async () => {
    const state = await mkdtemp(path.join(tmpdir(), 'tl-bench-'));
    const context = { paths: { cache: state, state } } as unknown as Context;
    try {
      await writeRecord(context.paths, recordOf({ name: 'bench' }));
      await assert.rejects(
        bench({ name: 'bench', policies: 1, accounts: 5, ha: false }, context),
        (error: unknown) => {
          assert.ok(error instanceof Failure);
          assert.equal(error.kind, 'usage');
          return true;
        },
      );
      assert.notEqual(await readRecord(context.paths, 'bench'), undefined);
    } finally {
      await rm(state, { recursive: true });
    }
  });
});
