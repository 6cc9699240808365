import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { suite, test } from 'node:test';
import { Leadership, identityOfThisProcess } from '../../../components/maintain-kubeusers/loop/leadership.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
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

  test('an API that does not answer makes ill: at once where it never did, else after ten seconds', async () => {
    const { api, instance, elapse } = stage();
    const [a, fresh] = [instance('other/1/a'), instance('other/2/b')];
    await a.tryAcquire();
    assert.equal(a.illness(), undefined);
    api.before = (request) => {
      throw new KubeError(request, 0, '', 'connect ECONNREFUSED');
    };
    assert.equal(fresh.illness(), undefined, 'it has not asked yet');
    await assert.rejects(fresh.tryAcquire());
    assert.match(fresh.illness() ?? '', /^the lease cannot be read or renewed: .*ECONNREFUSED$/);
    elapse(9_000);
    await assert.rejects(a.tryAcquire());
    assert.equal(a.illness(), undefined);
    elapse(1_000);
    assert.match(a.illness() ?? '', /^the lease cannot be read or renewed for 10 s: .*ECONNREFUSED$/);
    api.before = () => undefined;
    await a.tryAcquire();
    await fresh.tryAcquire(); // that another leads is an answer
    assert.deepEqual([a.illness(), fresh.illness()], [undefined, undefined]);
  });

  test('a lease that is not there and cannot be made, makes ill too', async () => {
    const { api, instance, elapse } = stage();
    api.before = (request) => {
      if (request.startsWith('POST')) throw new KubeError(request, 404, 'NotFound', 'no such namespace');
    };
    const a = instance('other/1/a');
    for (let tries = 0; tries < 3; tries += 1) {
      await assert.rejects(a.tryAcquire());
      elapse(5_000);
    }
    assert.match(a.illness() ?? '', /no such namespace$/);
    api.before = () => undefined;
    assert.deepEqual(await a.tryAcquire(), {});
    assert.equal(a.illness(), undefined);
  });

  test('whoever waits to lead says who does, until it leads itself', async () => {
    const { api, instance, standby } = stage();
    const [a, b] = [instance('other/1/a'), instance('other/2/b')];
    await a.tryAcquire();
    let looks = 0;
    const heard: (string | undefined)[] = [];
    api.before = (request) => {
      if (!request.startsWith('GET')) return;
      heard.push(b.standby);
      looks += 1;
      if (looks === 3) api.objects.delete(LEASE);
    };
    await b.acquire(new AbortController().signal);
    assert.deepEqual(heard, [undefined, 'other/1/a', 'other/1/a']);
    assert.deepEqual([b.standby, ...standby], [undefined, 'other/1/a']);
  });
});
