import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Context } from '../../../lib/context.ts';
import { keyOf, type Account } from '../../../components/maintain-kubeusers/accounts/account.ts';
import { observeOnce } from '../../../components/maintain-kubeusers/loop/observe.ts';
import { Leadership } from '../../../components/maintain-kubeusers/loop/leadership.ts';
import { Reconciler } from '../../../components/maintain-kubeusers/loop/reconciler.ts';
import { countInCluster, readPermit } from '../../../components/maintain-kubeusers/mass-delete.ts';
import { createMetrics } from '../../../components/maintain-kubeusers/metrics.ts';
import { passOnce } from '../../../components/maintain-kubeusers/once.ts';
import type { Workshop } from '../../../components/maintain-kubeusers/workshop.ts';
import { admin, DAY, FakeDirectory, NOW, silentLog, tool, workshop } from './fakes.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/maintain-kubeusers/leases/maintain-kubeusers';
const PERMIT = '/api/v1/namespaces/maintain-kubeusers/configmaps/allow-mass-delete';

const many = (count: number): Account[] =>
  Array.from({ length: count }, (_, index) => tool(`t${index}`, 50_000 + index));

/** A cluster whose accounts are all made, and the command beside it. */
async function stage(accounts: readonly Account[]) {
  const { api, tools } = workshop();
  const directory = new FakeDirectory(accounts);
  const monotonic = (): number => performance.now();
  const clock = { now: () => NOW, sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 1)) };
  const reconciler = (allowMassDelete: boolean): Reconciler =>
    new Reconciler({
      ...{ tools, log: silentLog, metrics: createMetrics(), now: () => NOW, monotonic, allowMassDelete },
      ...{ renewBefore: 30 * DAY, removalLimits: { fraction: 0.05, minimum: 10 }, places: 4 },
    });
  const said: string[] = [];
  const events: Record<string, unknown>[] = [];
  const context = {
    clock,
    signal: new AbortController().signal,
    output: {
      ...{ print: (line: string) => said.push(line), note: (line: string) => said.push(line) },
      event: (event: string, data: object) => events.push({ event, ...data }),
      style: (_: unknown, text: string) => text,
    },
  } as unknown as Context;
  const once = (options: { allowMassDelete: boolean }): Promise<void> => {
    const onError = (): void => undefined;
    const leadership = new Leadership('here/1/2', {
      ...{ client: api, clock, monotonic, onError },
      onStandby: () => undefined,
    });
    const shop = {
      client: api,
      directory,
      leadership,
      reconciler: () => reconciler(options.allowMassDelete),
    };
    return passOnce(shop as unknown as Workshop, context);
  };
  await once({ allowMassDelete: false });
  [said.length, events.length] = [0, 0];
  return {
    ...{ api, directory, said, events, once },
    /** Another instance takes the lease that the first pass gave back. */
    lead: (): void => {
      const { metadata } = api.objects.get(LEASE) ?? assert.fail('there is no lease');
      const spec = { holderIdentity: 'elsewhere/3/4', leaseDurationSeconds: 30 };
      api.objects.set(LEASE, { ...(metadata === undefined ? {} : { metadata }), spec });
    },
    /** What the instance that leads finds to do, given the permit. */
    leaderFinds: async () => {
      const leader = reconciler(false);
      await observeOnce(api, leader.observed);
      const permit = api.objects.get(PERMIT);
      leader.permit = permit === undefined ? undefined : readPermit(permit);
      const { actions, objection } = leader.evaluate(directory.answer);
      return { found: actions.map(({ kind, id }) => `${kind} ${keyOf(id)}`), objection };
    },
  };
}

suite('--once --allow-mass-delete', () => {
  test('beside the instance that leads permits what would be removed, and no more', async () => {
    const { api, directory, said, events, once, lead, leaderFinds } = await stage([...many(30), admin('x')]);
    lead();
    directory.set([tool('t0', 50_000, true), tool('new', 60_000)]);
    assert.match((await leaderFinds()).objection ?? '', /^30 accounts/);
    await once({ allowMassDelete: true });
    const { data } = api.objects.get(PERMIT) as { data?: Record<string, string> };
    assert.deepEqual(data, { removals: '31', until: new Date(NOW + 600_000).toISOString() });
    assert.deepEqual(events, [{ event: 'permit', removals: 31, minutes: 10 }]);
    assert.match(said.join('\n'), /31 accounts .* 10 minutes/);
    assert.ok(api.objects.has('/api/v1/namespaces/tool-t0'), 'the other instance does it');
    const { found, objection } = await leaderFinds();
    assert.deepEqual([found.length, objection], [32, undefined]);
    directory.set([]);
    assert.equal((await leaderFinds()).objection, undefined, 'the 31 that were permitted');
  });

  test('with nothing to remove permits nothing, and says so', async () => {
    const { api, said, events, once, lead } = await stage(many(3));
    lead();
    await once({ allowMassDelete: true });
    assert.ok(!api.objects.has(PERMIT));
    assert.deepEqual(events, [{ event: 'permit', removals: 0, minutes: 10 }]);
    assert.match(said.join('\n'), /nothing to permit/);
  });

  test('with nobody else leading removes them itself', async () => {
    const { api, directory, said, once } = await stage(many(30));
    directory.set([tool('t0', 50_000)]);
    await once({ allowMassDelete: false });
    assert.ok(api.objects.has('/api/v1/namespaces/tool-t1'));
    await once({ allowMassDelete: true });
    assert.ok(!api.objects.has('/api/v1/namespaces/tool-t1'));
    assert.ok(!api.objects.has(PERMIT));
    assert.match(said.join('\n'), /29 actions done, 0 failed/);
  });
});

suite('what the cluster has of some accounts', () => {
  test('is counted whatever the directory says, locked ones and admins too, and without what leaves', async () => {
    const { api, directory, once } = await stage([
      ...many(3),
      tool('locked', 60_000),
      tool('other', 60_001),
      admin('x'),
    ]);
    const rest = [...many(3).slice(1), tool('other', 60_001), admin('x')];
    directory.set([...rest, tool('locked', 60_000, true), tool('t0', 50_000)]);
    await once({ allowMassDelete: false });
    api.slowNamespaces = true;
    directory.set([...rest, tool('locked', 60_000, true)]);
    await once({ allowMassDelete: false });
    directory.set([]);
    assert.equal(await countInCluster(api, ({ name }) => name !== 'other'), 4);
    assert.equal(await countInCluster(api, ({ type }) => type === 'admin'), 1);
  });
});
