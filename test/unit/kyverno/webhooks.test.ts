import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { webhooksStatus } from '../../../components/kyverno/webhooks.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { FakeApi } from './fake-api.ts';

const configuration = (name: string, rules: number) => ({
  metadata: { name },
  webhooks: [{ name: 'w', rules: Array.from({ length: rules }, () => ({ resources: ['pods'] })) }],
});

const NOW = Date.parse('2024-04-18T09:00:00Z');

const policy = (rule: object, seconds = 60, admission = true) => ({
  metadata: { creationTimestamp: new Date(NOW - seconds * 1000).toISOString() },
  spec: { admission, rules: [rule] },
});

suite('Kyverno’s webhooks', () => {
  let api: FakeApi;
  let mutating: unknown[];
  let validating: unknown[];
  let policies: unknown[];

  beforeEach(() => {
    api = new FakeApi();
    mutating = [
      configuration('kyverno-policy-mutating-webhook-cfg', 1),
      configuration('kyverno-resource-mutating-webhook-cfg', 0),
    ];
    validating = [
      configuration('kyverno-policy-validating-webhook-cfg', 1),
      configuration('kyverno-resource-validating-webhook-cfg', 0),
      configuration('kyverno-ttl-validating-webhook-cfg', 1),
    ];
    policies = [];
    api.answer = (method, path) => {
      if (path.endsWith('/policies')) return { items: policies };
      if (path.endsWith('/clusterpolicies')) throw new KubeError(path, 404, 'NotFound', 'not here');
      if (method !== 'LIST') return undefined;
      return path.endsWith('mutatingwebhookconfigurations') && !path.includes('validating')
        ? mutating
        : validating;
    };
  });

  test('all are there: those of resources may be empty, for they follow the policies', async () => {
    const { missing, registered } = await webhooksStatus(api.client, NOW);
    assert.deepEqual(missing, []);
    assert.equal(registered.length, 5);
    assert.deepEqual(
      registered.find(({ name }) => name === 'kyverno-resource-mutating-webhook-cfg'),
      { name: 'kyverno-resource-mutating-webhook-cfg', webhooks: 0 },
    );
  });

  test('one that is not registered yet is named', async () => {
    mutating.pop();
    assert.deepEqual((await webhooksStatus(api.client, NOW)).missing, [
      'kyverno-resource-mutating-webhook-cfg',
    ]);
  });

  test('one of policies without rules would let every policy pass: it counts as missing', async () => {
    validating[0] = configuration('kyverno-policy-validating-webhook-cfg', 0);
    assert.deepEqual((await webhooksStatus(api.client, NOW)).missing, [
      'kyverno-policy-validating-webhook-cfg',
    ]);
  });

  test('those of resources may not be empty once a policy has had rules for them for a while', async () => {
    policies = [policy({ mutate: {} }), policy({ validate: {} })];
    const empty = ['kyverno-resource-mutating-webhook-cfg', 'kyverno-resource-validating-webhook-cfg'];
    assert.deepEqual((await webhooksStatus(api.client, NOW)).bypassed, empty);
    validating[1] = configuration('kyverno-resource-validating-webhook-cfg', 1);
    assert.deepEqual((await webhooksStatus(api.client, NOW)).bypassed, empty.slice(0, 1));
  });

  test('a policy that is new, or not for admission, asks for no webhook yet', async () => {
    policies = [policy({ mutate: {} }, 5), policy({ validate: {} }, 60, false)];
    assert.deepEqual((await webhooksStatus(api.client, NOW)).bypassed, []);
  });
});
