import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { KubeError } from '../../../../lib/kube/errors.ts';
import { replace } from '../../../../lib/kube/replace.ts';
import { CONFIG_MAPS, type KubeObject } from '../../../../lib/kube/types.ts';
import { FakeApi } from '../../maintain-kubeusers/fake-api.ts';

const PATH = '/api/v1/namespaces/a/configmaps/settings';
const wanted: KubeObject = { metadata: { name: 'settings', namespace: 'a' }, data: { ours: '1' } };

function apiWith(existing?: KubeObject): FakeApi {
  const api = new FakeApi();
  api.objects.set('/api/v1/namespaces/a', { metadata: { name: 'a' } });
  if (existing !== undefined) api.objects.set(PATH, existing);
  return api;
}

suite('replace', () => {
  test('what is expected right takes one request, and leaves nothing of others', async () => {
    const fresh = apiWith();
    await replace(fresh, CONFIG_MAPS, wanted, 'a', 'absent');
    assert.deepEqual(fresh.requests, ['POST /api/v1/namespaces/a/configmaps']);
    const known = apiWith({ metadata: { name: 'settings', annotations: { x: 'y' } }, data: { theirs: '2' } });
    const written = await replace(known, CONFIG_MAPS, wanted, 'a', 'present');
    assert.deepEqual(known.requests, [`PUT ${PATH}`]);
    assert.deepEqual(written['data'], { ours: '1' });
    assert.equal(written.metadata?.annotations, undefined);
  });

  test('what is expected wrong takes one more', async () => {
    const missing = apiWith();
    await replace(missing, CONFIG_MAPS, wanted, 'a', 'present');
    assert.deepEqual(missing.requests, [`PUT ${PATH}`, 'POST /api/v1/namespaces/a/configmaps']);
    const known = apiWith({ metadata: { name: 'settings' }, data: { theirs: '2' } });
    await replace(known, CONFIG_MAPS, wanted, 'a', 'absent');
    assert.deepEqual(known.requests, ['POST /api/v1/namespaces/a/configmaps', `PUT ${PATH}`]);
    assert.deepEqual(known.objects.get(PATH)?.['data'], { ours: '1' });
  });

  test('a refusal is a refusal, whatever was expected', async () => {
    for (const expected of ['absent', 'present'] as const) {
      const api = apiWith();
      api.before = (request) => {
        throw new KubeError(request, 403, 'Forbidden', 'exceeded quota');
      };
      await assert.rejects(replace(api, CONFIG_MAPS, wanted, 'a', expected), /exceeded quota/);
      assert.equal(api.requests.length, 1);
    }
  });
});
