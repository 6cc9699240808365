import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { webhooksStatus } from '../../../components/kyverno/webhooks.ts';
import { FakeApi } from './fake-api.ts';

const configuration = (name: string, rules: number) => ({
  metadata: { name },
  webhooks: [{ name: 'w', rules: Array.from({ length: rules }, () => ({ resources: ['pods'] })) }],
});

suite('Kyverno’s webhooks', () => {
  let api: FakeApi;
  let mutating: unknown[];
  let validating: unknown[];

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
    api.answer = (method, path) => {
      if (method !== 'LIST') return undefined;
      return path.endsWith('mutatingwebhookconfigurations') && !path.includes('validating')
        ? mutating
        : validating;
    };
  });

  test('all are there: those of resources may be empty, for they follow the policies', async () => {
    const { missing, registered } = await webhooksStatus(api.client);
    assert.deepEqual(missing, []);
    assert.equal(registered.length, 5);
    assert.deepEqual(
      registered.find(({ name }) => name === 'kyverno-resource-mutating-webhook-cfg'),
      { name: 'kyverno-resource-mutating-webhook-cfg', webhooks: 0 },
    );
  });

  test('one that is not registered yet is named', async () => {
    mutating.pop();
    assert.deepEqual((await webhooksStatus(api.client)).missing, ['kyverno-resource-mutating-webhook-cfg']);
  });

  test('one of policies without rules would let every policy pass: it counts as missing', async () => {
    validating[0] = configuration('kyverno-policy-validating-webhook-cfg', 0);
    assert.deepEqual((await webhooksStatus(api.client)).missing, ['kyverno-policy-validating-webhook-cfg']);
  });
});
