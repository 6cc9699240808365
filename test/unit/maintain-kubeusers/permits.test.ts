import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { keyOf, type Account } from '../../../components/maintain-kubeusers/accounts/account.ts';
import { observeOnce } from '../../../components/maintain-kubeusers/loop/observe.ts';
import { Reconciler } from '../../../components/maintain-kubeusers/loop/reconciler.ts';
import { createMetrics } from '../../../components/maintain-kubeusers/metrics.ts';
import { admin, DAY, NOW, silentLog, tool, workshop } from './fakes.ts';

const many = (count: number): Account[] =>
  Array.from({ length: count }, (_, index) => tool(`t${index}`, 50_000 + index));

/** A loop's reconciler beside accounts that were all made. */
async function leader(accounts: readonly Account[]) {
  const { api, tools } = workshop();
  let time = 0;
  const reconciler = new Reconciler({
    ...{ tools, log: silentLog, metrics: createMetrics(), now: () => NOW, monotonic: () => time },
    ...{ renewBefore: 30 * DAY, removalLimits: { fraction: 0.05, minimum: 10 }, allowMassDelete: false },
    places: 4,
  });
  /** One pass for this answer of the directory: what was done, and why something was not. */
  const pass = async (answer: readonly Account[]) => {
    await observeOnce(api, reconciler.observed);
    const { actions, objection } = reconciler.evaluate({ accounts: answer, skipped: [] });
    reconciler.queue.offer(actions);
    await reconciler.queue.idle();
    return { did: actions.map(({ kind, id }) => `${kind} ${keyOf(id)}`), objection };
  };
  await pass(accounts);
  return { reconciler, pass, elapse: (milliseconds: number) => (time += milliseconds) };
}

suite('a permit', () => {
  test('is used up by the removals that it lets happen', async () => {
    const { reconciler, pass } = await leader(many(60));
    reconciler.permit = { removals: 40, until: NOW + 1 };
    assert.equal((await pass(many(30))).did.length, 30);
    assert.equal((await pass(many(20))).did.length, 10);
    const { did, objection } = await pass(many(9));
    assert.deepEqual(did, []);
    assert.match(objection ?? '', /^11 accounts would lose their namespace; at most 10 of 20 may$/);
  });

  test('goes on when it is seen again, and another one starts anew', async () => {
    const { reconciler, pass } = await leader(many(60));
    reconciler.permit = { removals: 20, until: NOW + 1 };
    await pass(many(40));
    reconciler.permit = { removals: 20, until: NOW + 1 };
    assert.match((await pass(many(20))).objection ?? '', /^20 accounts/);
    reconciler.permit = { removals: 20, until: NOW + 2 };
    assert.equal((await pass(many(20))).did.length, 20);
  });

  test('covers an empty answer only if it covers all that exist', async () => {
    const seeded = many(30);
    const others = [tool('x', 60_001), tool('y', 60_002), tool('z', 60_003)];
    const { reconciler, pass } = await leader([...seeded, ...others]);
    // What `seed-accounts --delete` writes: the three were not meant, neither before the others go nor after.
    reconciler.permit = { removals: 30, until: NOW + 1 };
    assert.match((await pass([])).objection ?? '', /no tools at all, and 33 exist/);
    assert.equal((await pass([...many(4), ...others])).did.length, 26);
    assert.match((await pass([])).objection ?? '', /no tools at all, and 7 exist/);
    assert.equal((await pass(others)).did.length, 4);
    assert.match((await pass([])).objection ?? '', /no tools at all, and 3 exist/);
    reconciler.permit = { removals: 3, until: NOW + 2 };
    assert.equal((await pass([])).did.length, 3);
  });

  test('comes on top of what may go without one, and leaves that as it was', async () => {
    const { reconciler, pass, elapse } = await leader(many(100));
    reconciler.permit = { removals: 50, until: NOW + 1 };
    assert.match((await pass(many(39))).objection ?? '', /^61 accounts .*; at most 60 of 100 may$/);
    assert.equal((await pass(many(40))).did.length, 60);
    assert.match(
      (await pass(many(39))).objection ?? '',
      /^1 accounts .* after 10 within the minute; at most 10 of 40 may$/,
    );
    elapse(61_000);
    assert.equal((await pass(many(30))).did.length, 10);
  });
});

suite('an answer without admins', () => {
  test('keeps them all, and holds back no lock of a tool', async () => {
    const accounts = [...many(3), admin('x', 40_001), admin('y', 40_002)];
    const { reconciler, pass } = await leader(accounts);
    const locked = [tool('t0', 50_000, true), ...many(3).slice(1)];
    const { did, objection } = await pass(locked);
    assert.deepEqual(did, ['disable tool/t0']);
    assert.match(objection ?? '', /no admins at all, and 2 exist/);
    reconciler.permit = { removals: 2, until: NOW + 1 };
    assert.deepEqual((await pass(locked)).did.sort(), ['delete admin/x', 'delete admin/y']);
  });

  test('lets through no more removals of tools than any other', async () => {
    const { pass } = await leader([...many(30), admin('x')]);
    const { did, objection } = await pass(many(19));
    assert.deepEqual(did, []);
    assert.match(objection ?? '', /^11 accounts/);
  });
});
