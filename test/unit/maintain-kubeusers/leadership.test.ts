import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { suite, test } from 'node:test';
import { Leadership, identityOfThisProcess } from '../../../components/maintain-kubeusers/loop/leadership.ts';
import { FakeApi } from './fake-api.ts';

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/maintain-kubeusers/leases/maintain-kubeusers';

/** Two instances and one API server, on a clock of the test's. */
function stage() {
  const api = new FakeApi();
  let time = 0;
  const clock = {
    // Jumps about: nothing may depend on it.
    now: () => (time % 7) * 1_000_000_000,
    async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
      time += milliseconds;
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    },
  };
  const standby: string[] = [];
  const instance = (identity: string) =>
    new Leadership(identity, {
      client: api,
      clock,
      monotonic: () => time,
      onStandby: (holder) => standby.push(holder),
      onError: () => undefined,
    });
  return { api, instance, standby, elapse: (milliseconds: number) => (time += milliseconds) };
}

const holder = (api: FakeApi): unknown =>
  (api.objects.get(LEASE)?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;

suite('leadership', () => {
  test('one leads; the other takes over when the lease is handed back', async () => {
    const { api, instance } = stage();
    const [a, b] = [instance('other/1/a'), instance('other/2/b')];
    assert.deepEqual(await a.tryAcquire(), {});
    assert.deepEqual(await b.tryAcquire(), { holder: 'other/1/a' });
    await a.release();
    assert.deepEqual(await b.tryAcquire(), {});
    assert.equal(holder(api), 'other/2/b');
  });

  test('a silent holder is waited for thirty seconds from when it was last seen to move', async () => {
    const { instance, elapse } = stage();
    const [a, b] = [instance('other/1/a'), instance('other/2/b')];
    await a.tryAcquire();
    elapse(100_000); // nobody looked meanwhile: that proves nothing
    assert.deepEqual(await b.tryAcquire(), { holder: 'other/1/a' });
    elapse(29_000);
    assert.deepEqual(await b.tryAcquire(), { holder: 'other/1/a' });
    elapse(1_000);
    assert.deepEqual(await b.tryAcquire(), {});
  });

  test('of two that take a free lease at once one gets it', async () => {
    const { api, instance } = stage();
    const contenders = Array.from({ length: 5 }, (_, index) => instance(`other/${index}/x`));
    const outcomes = await Promise.all(contenders.map((each) => each.tryAcquire()));
    assert.equal(outcomes.filter(({ holder: other }) => other === undefined).length, 1);
    const winner = outcomes.findIndex(({ holder: other }) => other === undefined);
    assert.equal(holder(api), `other/${winner}/x`);
  });

  test('a holder of this machine whose process is gone is not waited for; one that runs is', async () => {
    const { instance } = stage();
    const running = instance(await identityOfThisProcess());
    await running.tryAcquire();
    const next = instance('other/2/b');
    assert.ok((await next.tryAcquire()).holder?.startsWith(hostname()));
    await running.release();
    // The same process id, started at another time: it was taken anew.
    await instance(`${hostname()}/${process.pid}/another-time`).tryAcquire();
    assert.deepEqual(await next.tryAcquire(), {});
  });

  test('a holder that is overruled, or cannot renew, stops', async () => {
    const { api, instance } = stage();
    const a = instance('other/1/a');
    await a.tryAcquire();
    const lease = api.objects.get(LEASE);
    api.objects.set(LEASE, {
      ...lease,
      metadata: { ...lease?.metadata, resourceVersion: '999' },
      spec: { holderIdentity: 'other/2/b' },
    });
    await a.keep(new AbortController().signal);
    assert.equal(holder(api), 'other/2/b');
    const b = instance('other/3/c');
    api.objects.delete(LEASE);
    await b.tryAcquire();
    api.before = () => {
      throw new Error('no answer');
    };
    await b.keep(new AbortController().signal);
  });

  test('a renewal whose answer was lost does not cost the lease', async () => {
    const { api, instance } = stage();
    const a = instance('other/1/a');
    await a.tryAcquire();
    const lease = api.objects.get(LEASE);
    // The server wrote it, and the version is another one than we know.
    api.objects.set(LEASE, { ...lease, metadata: { ...lease?.metadata, resourceVersion: '999' } });
    const stop = new AbortController();
    let asked = 0;
    api.before = () => {
      asked += 1;
      if (asked > 6) stop.abort();
    };
    await a.keep(stop.signal);
    assert.ok(stop.signal.aborted, 'it was still keeping it');
  });
});
