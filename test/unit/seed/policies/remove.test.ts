import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BulkMeter } from '../../../../lib/bulk.ts';
import type { Clock } from '../../../../lib/clock.ts';
import { KubeError } from '../../../../lib/kube/errors.ts';
import { NAMESPACES, PODS, POLICIES, type KubeObject } from '../../../../lib/kube/types.ts';
import type { DoomedNamespace } from '../../../../seed/empty-namespaces.ts';
import { removeNamespaces } from '../../../../seed/remove-namespaces.ts';
import { FakeApi } from './fake-api.ts';

/** A clock that each request moves, and whose sleep lets the namespace controller do its work. */
class SlowClock implements Clock {
  time = 0;
  onSleep: () => void = () => undefined;
  now(): number {
    return this.time;
  }
  sleep(milliseconds: number): Promise<void> {
    this.time += milliseconds;
    this.onSleep();
    return Promise.resolve();
  }
}

async function cluster(count: number): Promise<{ api: FakeApi; namespaces: DoomedNamespace[] }> {
  const api = new FakeApi();
  const namespaces: DoomedNamespace[] = [];
  for (let index = 1; index <= count; index += 1) {
    const name = `tool-${index}`;
    const { metadata } = await api.create<KubeObject>(NAMESPACES, { metadata: { name } });
    await api.create(POLICIES, { metadata: { name: 'policy' } }, name);
    namespaces.push({ name, uid: metadata?.uid ?? '', terminating: false });
  }
  api.requests.length = 0;
  return { api, namespaces };
}

async function remove(api: FakeApi, namespaces: readonly DoomedNamespace[], clock = new SlowClock()) {
  const meter = new BulkMeter(namespaces.length, clock);
  clock.onSleep = () => {
    api.runNamespaceController();
  };
  const outcome = await removeNamespaces(api, namespaces, {
    contents: [{ resource: POLICIES, name: 'policy' }],
    concurrency: 4,
    clock,
    signal: new AbortController().signal,
    meter,
  });
  return { ...outcome, done: meter.snapshot().done, slept: clock.time > 0 };
}

suite('removeNamespaces', () => {
  test('empties and removes namespaces without the namespace controller, and leaves nothing behind', async () => {
    const { api, namespaces } = await cluster(120);
    assert.deepEqual(await remove(api, namespaces), {
      failed: 0,
      failures: [],
      gaveUp: false,
      done: 120,
      slept: false,
    });
    assert.equal(api.objects.size, 0);
    const each = api.requests.filter((request) => request.includes('tool-7/') || request.endsWith('tool-7'));
    assert.equal(each.length, 5);
  });

  test('leaves a namespace that holds anything else to the namespace controller, and waits for it', async () => {
    const { api, namespaces } = await cluster(3);
    api.put(PODS, 'somebody', 'tool-2', {});
    const { done, slept } = await remove(api, namespaces);
    assert.deepEqual({ done, slept }, { done: 3, slept: true });
    assert.ok(!api.requests.includes('PUT /api/v1/namespaces/tool-2/finalize'));
    assert.ok(api.requests.includes('PUT /api/v1/namespaces/tool-1/finalize'));
    assert.equal(api.objects.size, 0);
  });

  test('does not finalize what was deleted too long ago: the controller may be at work in it', async () => {
    const { api, namespaces } = await cluster(3);
    const clock = new SlowClock();
    api.before = (request) => {
      if (request.startsWith('DELETE')) clock.time += 1_000;
    };
    assert.equal((await remove(api, namespaces, clock)).done, 3);
    assert.deepEqual(
      api.requests.filter((request) => request.startsWith('PUT')),
      [],
    );
    const earlier = await cluster(1);
    await earlier.api.request('DELETE', '/api/v1/namespaces/tool-1');
    const [first] = earlier.namespaces;
    assert.ok(first);
    assert.equal((await remove(earlier.api, [{ ...first, terminating: true }])).done, 1);
    assert.deepEqual(
      earlier.api.requests.filter((request) => request.startsWith('PUT')),
      [],
    );
  });

  test('a namespace of the same name that somebody made meanwhile stays', async () => {
    const { api, namespaces } = await cluster(2);
    const [first, second] = namespaces;
    assert.ok(first && second);
    assert.equal((await remove(api, [{ ...first, uid: 'of the one before' }, second])).done, 2);
    assert.deepEqual(api.names('namespaces'), ['/api/v1/namespaces/tool-1']);
    assert.deepEqual(api.names('policies'), ['/apis/kyverno.io/v1/namespaces/tool-1/policies/policy']);
  });

  test('an answer to a deletion that was lost, and a finalization that fails, are left to the controller', async () => {
    const { api, namespaces } = await cluster(2);
    api.before = (request) => {
      if (request.endsWith('/finalize')) throw new KubeError(request, 500, '', 'etcd is busy');
    };
    await api.request('DELETE', '/api/v1/namespaces/tool-1');
    const { done, failed } = await remove(api, namespaces);
    assert.deepEqual({ done, failed }, { done: 2, failed: 0 });
    assert.equal(api.objects.size, 0);
  });

  test('what is refused is told, and the rest goes on', async () => {
    const { api, namespaces } = await cluster(4);
    api.before = (request) => {
      if (request === 'DELETE /api/v1/namespaces/tool-2')
        throw new KubeError(request, 403, 'Forbidden', 'no');
    };
    const { failed, failures, done } = await remove(api, namespaces);
    assert.deepEqual({ failed, done, name: failures[0]?.name }, { failed: 1, done: 3, name: 'tool-2' });
  });
});
