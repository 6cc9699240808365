import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Settling } from '../../../seed/accounts/settling.ts';

const seen = (ready: number, pending: number, todo = 0, problem?: string) => ({
  accounts: { total: ready + pending, ready, pending, disabled: 0, skipped: 0, leaving: 0 },
  work: { waiting: todo, underWay: 0 },
  problems: problem === undefined ? [] : [{ account: 'tool/a', problem }],
});

suite('waiting for maintain-kubeusers to finish', () => {
  test('ends when there was nothing to do for a while, not at the first look', () => {
    const settling = new Settling();
    assert.equal(settling.look(seen(0, 2, 2), 0), false);
    assert.equal(settling.look(seen(2, 0), 1_000), false);
    assert.equal(settling.look(seen(2, 1, 1), 3_000), false, 'one more came');
    assert.equal(settling.look(seen(3, 0), 4_000), false);
    assert.equal(settling.look(seen(3, 0), 7_000), true);
  });

  test('accounts that fail while no other gets ready end it, with the reason', () => {
    const settling = new Settling();
    assert.equal(settling.look(seen(0, 3, 3, 'is in the way'), 0), false);
    assert.equal(settling.look(seen(1, 2, 1, 'is in the way'), 50_000), false);
    assert.equal(settling.look(seen(1, 2, 0, 'is in the way'), 109_000), false);
    assert.throws(() => settling.look(seen(1, 2, 0, 'is in the way'), 110_000), {
      kind: 'incomplete',
      why: 'tool/a: is in the way',
    });
  });

  test('slow is not stuck', () => {
    const settling = new Settling();
    settling.look(seen(0, 9, 9), 0);
    assert.equal(settling.look(seen(0, 9, 9), 600_000), false);
  });
});
