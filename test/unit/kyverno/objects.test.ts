import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { applyObjects, waitUntilServed } from '../../../components/kyverno/objects.ts';
import type { Context } from '../../../lib/context.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { FakeApi } from './fake-api.ts';

const role = { kind: 'ClusterRole', metadata: { name: 'kyverno:admission-controller' }, rules: ['a'] };
const config = { kind: 'ConfigMap', metadata: { name: 'kyverno', namespace: 'kyverno' }, data: { a: '1' } };
const crd = {
  kind: 'CustomResourceDefinition',
  metadata: { name: 'policies.kyverno.io' },
  spec: { group: 'kyverno.io', names: { plural: 'policies' }, versions: [{ name: 'v1', storage: true }] },
};
const objects: KubeObject[] = [role, config, crd];

void suite('Kyverno’s objects', () => {
  let api: FakeApi;
  const applied = (): string[] =>
    api.requests
      .filter((request) => request.startsWith('APPLY'))
      .map((request) => request.split('/').at(-1) ?? '');

  beforeEach(() => {
    api = new FakeApi();
  });

  test('on a new cluster all of them are applied, after their namespace', async () => {
    assert.equal(await applyObjects(api.client, objects), 3);
    assert.deepEqual(applied(), [
      'kyverno',
      'kyverno%3Aadmission-controller',
      'kyverno',
      'policies.kyverno.io',
    ]);
  });

  test('the second time none is', async () => {
    await applyObjects(api.client, objects);
    assert.equal(await applyObjects(api.client, objects), 0);
  });

  test('one that is gone or whose manifest changed is applied again, and no other', async () => {
    await applyObjects(api.client, objects);
    api.objects.delete('/apis/rbac.authorization.k8s.io/v1/clusterroles/kyverno%3Aadmission-controller');
    assert.equal(await applyObjects(api.client, objects), 1);
    assert.equal(await applyObjects(api.client, [role, { ...config, data: { a: '2' } }, crd]), 1);
    assert.deepEqual(api.objects.get('/api/v1/namespaces/kyverno/configmaps/kyverno')?.['data'], { a: '2' });
  });

  test('somebody else’s object of the same name in another namespace is not taken for ours', async () => {
    await applyObjects(api.client, objects);
    const ours = api.objects.get('/api/v1/namespaces/kyverno/configmaps/kyverno');
    assert.ok(ours !== undefined);
    api.objects.delete('/api/v1/namespaces/kyverno/configmaps/kyverno');
    api.objects.set('/api/v1/namespaces/other/configmaps/kyverno', ours);
    assert.equal(await applyObjects(api.client, objects), 1);
  });

  test('waiting ends when the API serves the stored version of every CRD, not before', async () => {
    let asked = 0;
    api.answer = (_, path) => {
      if (path !== '/apis') return undefined;
      asked += 1;
      const resources = asked < 3 ? [] : [{ resource: 'policies' }];
      return { items: [{ metadata: { name: 'kyverno.io' }, versions: [{ version: 'v1', resources }] }] };
    };
    let now = 0;
    const clock = {
      now: () => now,
      sleep: (ms: number) => {
        now += ms;
        return Promise.resolve();
      },
    };
    const context = { clock, signal: new AbortController().signal } as unknown as Context;
    await waitUntilServed(api.client, objects, context);
    assert.equal(asked, 3);
  });
});
