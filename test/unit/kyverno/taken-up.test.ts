import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { policiesTakenUp, shareTakenUp } from '../../../components/kyverno/taken-up.ts';
import type { RequestOptions } from '../../../lib/kube/client.ts';
import { KubeError } from '../../../lib/kube/errors.ts';

/** An API server that answers with these pages. */
const pages = (...answers: object[]) => ({
  request: <T>(_method: string, _path: string, options: RequestOptions = {}) => {
    const page = Number(options.query?.['continue'] ?? 0);
    const last = page === answers.length - 1;
    return Promise.resolve({
      metadata: { continue: last ? '' : String(page + 1) },
      ...answers[page],
    } as T);
  },
});
const rows = (...states: unknown[]) => ({ rows: states.map((state) => ({ cells: ['name', state] })) });
const columns = { columnDefinitions: [{ name: 'Name' }, { name: 'Ready' }] };

suite('policies that Kyverno has taken up', () => {
  test('are counted over all pages; only the first names its columns', async () => {
    const api = pages({ ...columns, ...rows('True', 'False', null) }, rows('True', 'True'));
    assert.deepEqual(await policiesTakenUp(api), { ready: 3, all: 5 });
  });

  test('may be told by a sample', async () => {
    const api = pages({ ...columns, ...rows('True', 'False') }, rows('True', 'True'));
    assert.deepEqual(await policiesTakenUp(api, 2), { ready: 1, all: 2 });
    assert.equal(shareTakenUp({ ready: 199, all: 200 }), '99 %');
  });

  test('are none where there are none, or no Kyverno', async () => {
    assert.deepEqual(await policiesTakenUp(pages({ ...columns, rows: null })), { ready: 0, all: 0 });
    const missing = {
      request: () => Promise.reject(new KubeError('GET', 404, 'NotFound', 'not found')),
    };
    assert.deepEqual(await policiesTakenUp(missing), { ready: 0, all: 0 });
  });
});
