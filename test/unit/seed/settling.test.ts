import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { concerns, Settling } from '../../../seed/accounts/settling.ts';

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

  test("another's account that fails, or waits, neither ends it nor keeps it from its end", () => {
    const failing = (...names: readonly string[]) => ({
      ...seen(3, names.length),
      problems: [
        ...names.map((account) => ({ account, problem: 'is a link', pending: true })),
        { account: 'tool/b', problem: 'kubeconfig: is not YAML' },
      ],
    });
    const isOwn = concerns([{ kind: 'seed', options: { count: 3, prefix: 'seed', admins: 0 } }]);
    const settling = new Settling(isOwn);
    assert.equal(settling.look(failing('tool/a', 'admin/x'), 0), false);
    assert.equal(settling.look(failing('tool/a', 'admin/x'), 3_000), true);
    const mixed = new Settling(isOwn);
    assert.equal(mixed.look(failing('tool/a', 'tool/seed-0003'), 0), false);
    assert.throws(() => mixed.look(failing('tool/a', 'tool/seed-0003'), 60_000), {
      what: '1 of 5 accounts do not get ready',
      why: 'tool/seed-0003: is a link',
    });
  });

  test('an account that is pending for another reason than its own failure is waited for', () => {
    const settling = new Settling(() => false);
    const status = { ...seen(3, 2), problems: [{ account: 'tool/a', problem: 'x', pending: true }] };
    assert.equal(settling.look(status, 0), false);
    assert.equal(settling.look(status, 10_000), false);
  });

  test('slow is not stuck', () => {
    const settling = new Settling();
    settling.look(seen(0, 9, 9), 0);
    assert.equal(settling.look(seen(0, 9, 9), 600_000), false);
  });
});

test('what is said of an account concerns a request by the name, and what is said of all accounts always does', () => {
  const options = { count: 3, prefix: 'seed', admins: 1 };
  const isOwn = concerns([
    { kind: 'seed', options },
    { kind: 'delete', prefix: 'old', count: undefined },
  ]);
  const said = [
    'tool/seed-0001',
    'admin/seed-admin-0001',
    'tool/old-0001',
    'all accounts',
    'tool/seeds-0001',
  ];
  assert.deepEqual(said.filter(isOwn), said.slice(0, 4));
  assert.ok(concerns([{ kind: 'zoo' }])('tool/anything'));
});
