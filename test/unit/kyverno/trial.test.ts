import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { tryPolicy, TRIAL_NAMESPACE } from '../../../components/kyverno/lint/trial.ts';
import { loadPolicyTemplate } from '../../../components/kyverno/policies/render.ts';
import type { Context } from '../../../lib/context.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { fakeClock } from '../clock.ts';
import { FakeApi } from './fake-api.ts';

const POD = { securityContext: { runAsUser: 0 } };
const PROBES = [{ about: 'runAsUser', allowed: { securityContext: { runAsUser: 59_999 } }, refused: POD }];
const refusedByKyverno = new KubeError(
  'POST pods',
  403,
  'Forbidden',
  'admission webhook "validate.kyverno.svc-fail" denied the request: policy Policy/x/y for resource violation',
);
const isTrial = (spec: unknown): boolean => JSON.stringify(spec).includes('"runAsUser":0');

/** A Kyverno that notes a policy as ready at one time, and enforces it at another; both in seconds after it is written. */
async function tried(ready: number, enforced: number) {
  const api = new FakeApi();
  const clock = fakeClock();
  const said: string[] = [];
  api.answer = (method, path, { body }) => {
    if (method === 'GET' && path.endsWith(TRIAL_NAMESPACE)) throw new KubeError('GET', 404, 'NotFound', '');
    if (method === 'GET' && path.endsWith('/policies')) {
      return { columnDefinitions: [{ name: 'Ready' }], rows: [{ cells: ['False'] }, { cells: ['True'] }] };
    }
    if (method === 'GET' && path.includes('/policies/')) {
      const status = clock.now() >= ready * 1000 ? 'True' : 'False';
      return { status: { conditions: [{ type: 'Ready', status }] } };
    }
    if (method !== 'POST') return undefined;
    const { spec } = body as { spec: unknown };
    if (isTrial(spec) && clock.now() >= enforced * 1000) throw refusedByKyverno;
    return {};
  };
  const context = { clock, signal: new AbortController().signal } as unknown as Context;
  const variables = { namespace: TRIAL_NAMESPACE, uid: 59_999, dataDirectory: '/data/project/trial' };
  const policy = (await loadPolicyTemplate('toolforge'))({
    ...variables,
    action: 'Enforce',
    background: false,
  });
  const progress = { update: (text: string) => said.push(text) };
  const failed = tryPolicy(api.client, policy, PROBES, context, progress);
  return { failed, clock, api, said };
}

suite('the trial of a policy', () => {
  test('is waited for while Kyverno is busy with thousands of others', async () => {
    const { failed, clock, said } = await tried(400, 401);
    assert.deepEqual(await failed, []);
    assert.ok(clock.now() >= 401_000);
    assert.ok(said.includes('waiting for Kyverno, which has taken up 50 % of the policies'));
  });

  test('ends when the policy is ready and not enforced; what was made for it goes', async () => {
    const { failed, clock, api } = await tried(10, Infinity);
    await assert.rejects(failed, /does not enforce the policy/);
    assert.ok(clock.now() > 70_000 && clock.now() < 75_000);
    assert.equal(api.requests.at(-1), `DELETE /api/v1/namespaces/${TRIAL_NAMESPACE}`);
  });

  test('ends when Kyverno never gets there', async () => {
    await assert.rejects((await tried(Infinity, Infinity)).failed, /Waited 40m for Kyverno to take up/);
  });
});
