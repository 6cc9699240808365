import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import {
  CANARY_NAMESPACE,
  createCanary,
  removeCanary,
  tryPod,
  tryPolicy,
} from '../../../components/kyverno/canary.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { fakeClock } from '../clock.ts';
import { FakeApi } from './fake-api.ts';

/** Messages as Kubernetes 1.33 and Kyverno 1.18 send them. */
const DENIED = 'admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/… was blocked';
const UNREACHABLE =
  'Internal error occurred: failed calling webhook "mutate-policy.kyverno.svc": Post "https://127.0.0.1:20012/policymutate?timeout=10s": EOF';
const OTHERS = 'admission webhook "other.example.org" denied the request: no';

const context = { clock: fakeClock(), signal: new AbortController().signal };

void suite('the canary', () => {
  let api: FakeApi;
  beforeEach(() => {
    api = new FakeApi();
  });
  const refuse = (message: string): void => {
    api.answer = (method, path) => {
      if (method === 'POST') throw new KubeError(`POST ${path}`, 400, 'BadRequest', message);
      return undefined;
    };
  };

  test('only Kyverno’s own word counts as a refusal', async () => {
    assert.equal(await tryPod(api.client, 'refuse'), 'accepted');
    refuse(DENIED);
    assert.equal(await tryPod(api.client, 'refuse'), 'refused');
    refuse(UNREACHABLE);
    assert.equal(await tryPolicy(api.client, true), 'no answer');
    refuse(OTHERS);
    assert.equal(await tryPolicy(api.client, true), 'no answer');
  });

  test('what is tried is never kept', async () => {
    api.answer = (_, path, { query }) => {
      assert.equal(query?.['dryRun'], 'All', path);
      return {};
    };
    await tryPod(api.client, 'accept');
    await tryPolicy(api.client, false);
  });

  test('one of before that is on its way out is waited for', async () => {
    const clock = fakeClock();
    const dying = { metadata: { name: CANARY_NAMESPACE, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    api.answer = (method, path) =>
      method === 'GET' && path.endsWith(CANARY_NAMESPACE) && clock.now() < 5_000 ? dying : undefined;
    await createCanary(api.client, { ...context, clock });
    assert.ok(clock.now() >= 5_000);
  });

  test('nothing of it stays behind, and there may be nothing', async () => {
    await createCanary(api.client, context);
    assert.ok(api.objects.has(`/api/v1/namespaces/${CANARY_NAMESPACE}`));
    await removeCanary(api.client);
    const left = [...api.objects.keys()].filter((path) => !path.endsWith('/serviceaccounts/default'));
    assert.deepEqual(left, [], 'the account goes with its namespace');
    await removeCanary(api.client);
  });
});
