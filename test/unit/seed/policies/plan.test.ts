import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { loadPolicyTemplate } from '../../../../components/kyverno/policies/render.ts';
import { Failure } from '../../../../lib/errors.ts';
import { NAMESPACES, POLICIES, type KubeObject } from '../../../../lib/kube/types.ts';
import { includes, isUpToDate, policyPatch } from '../../../../seed/policies/compare.ts';
import { desiredPolicy, targets } from '../../../../seed/policies/desired.ts';
import { SEED_LABEL, type SeedPoliciesOptions } from '../../../../seed/policies/options.ts';
import { makePlan, observe } from '../../../../seed/policies/plan.ts';
import { planRemoval } from '../../../../seed/policies/remove.ts';
import { AccountWriter } from '../../../../seed/policies/write.ts';
import { FakeApi } from './fake-api.ts';

const template = await loadPolicyTemplate('toolforge');
const options = (changes: Partial<SeedPoliciesOptions> = {}): SeedPoliciesOptions => ({
  count: 5,
  prefix: 'seed',
  action: 'Audit',
  background: false,
  autogen: false,
  singleNamespace: false,
  concurrency: 2,
  ...changes,
});

const plan = async (api: FakeApi, wanted: SeedPoliciesOptions) =>
  makePlan(await observe(api, wanted.prefix, 'everything'), wanted, template);

async function write(api: FakeApi, wanted: SeedPoliciesOptions): Promise<number> {
  const { work } = await plan(api, wanted);
  const writer = new AccountWriter(api, wanted, template);
  for (const item of work) await writer.write(item);
  return work.length;
}

/** What the API server does with a policy: adds the defaults of Kyverno's CRD. */
const withDefaults = (policy: KubeObject): KubeObject => ({
  ...policy,
  spec: {
    admission: true,
    emitWarning: false,
    ...(policy['spec'] as object),
    rules: (policy['spec'] as { rules: object[] }).rules.map((rule) => ({
      ...rule,
      skipBackgroundRequests: true,
    })),
  },
  status: { conditions: [] },
});

suite('comparing', () => {
  const json = fc.jsonValue();

  test('everything includes itself, and more than itself', () => {
    fc.assert(fc.property(json, (value) => includes(value, value)));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), json, (value, more) =>
        includes({ ...value, 'added by the server': more }, value),
      ),
    );
  });

  test('nothing includes what lacks a key, an element, or has another value', () => {
    assert.ok(!includes({ a: 1 }, { a: 1, b: 2 }));
    assert.ok(!includes([1], [1, 2]));
    assert.ok(!includes([1, 2], [1]));
    assert.ok(!includes({ a: '1' }, { a: 1 }));
    assert.ok(!includes([], {}));
    assert.ok(!includes(null, {}));
    assert.ok(includes({ a: null }, { a: null }));
  });

  test("a policy with the CRD's defaults is up to date; with any other rule, action, label or annotation it is not", () => {
    const [target] = targets(options());
    assert.ok(target);
    const desired = desiredPolicy(target, options(), template);
    const observed = withDefaults(desired);
    assert.ok(isUpToDate(observed, desired));
    const enforced = desiredPolicy(target, options({ action: 'Enforce' }), template);
    const derived = desiredPolicy(target, options({ autogen: true }), template);
    assert.ok(!isUpToDate(observed, enforced));
    assert.ok(!isUpToDate(observed, derived), 'the annotation has to go');
    assert.ok(!isUpToDate(withDefaults(derived), desired), 'the annotation has to come');
    assert.ok(!isUpToDate({ ...observed, metadata: { ...observed.metadata, labels: {} } }, desired));
    assert.deepEqual((policyPatch(derived) as KubeObject).metadata?.annotations, {
      'pod-policies.kyverno.io/autogen-controllers': null,
    });
  });
});

suite('the plan of seed-policies', () => {
  test('on an empty cluster everything is missing; after writing, nothing is, and nothing is written again', async () => {
    const api = new FakeApi();
    assert.equal(await write(api, options()), 5);
    assert.equal(api.names('policies').length, 5);
    const before = structuredClone([...api.objects]);
    assert.equal(await write(api, options()), 0);
    assert.deepEqual([...api.objects], before);
  });

  test('namespaces carry the labels of production and ours', async () => {
    const api = new FakeApi();
    await write(api, options({ count: 1 }));
    assert.deepEqual(api.objects.get('/api/v1/namespaces/tool-seed-0001')?.metadata?.labels, {
      name: 'tool-seed-0001',
      tenancy: 'tool',
      [SEED_LABEL]: 'seed',
    });
  });

  test('what was changed or taken away is mended, and only that', async () => {
    const api = new FakeApi();
    await write(api, options());
    const changed = '/apis/kyverno.io/v1/namespaces/tool-seed-0002/policies/toolforge-kyverno-pod-policy';
    const policy = api.objects.get(changed);
    assert.ok(policy);
    api.objects.set(changed, { ...policy, spec: { ...(policy['spec'] as object), rules: [] } });
    api.objects.delete('/apis/kyverno.io/v1/namespaces/tool-seed-0004/policies/toolforge-kyverno-pod-policy');
    const { metadata } = api.objects.get('/api/v1/namespaces/tool-seed-0005') ?? {};
    api.put(NAMESPACES, 'tool-seed-0005', undefined, { [SEED_LABEL]: 'seed' });
    assert.ok(metadata);
    const { work, unchanged } = await plan(api, options());
    assert.equal(unchanged, 2);
    assert.deepEqual(
      work.map(({ account, namespaceIs, policyIs }) => [account.name, namespaceIs, policyIs]),
      [
        ['seed-0002', 'there', 'different'],
        ['seed-0004', 'there', 'missing'],
        ['seed-0005', 'different', 'there'],
      ],
    );
    await write(api, options());
    assert.deepEqual((await plan(api, options())).work, []);
  });

  test('a smaller count leaves the others alone, and says so', async () => {
    const api = new FakeApi();
    await write(api, options());
    const { work, unchanged, more } = await plan(api, options({ count: 2 }));
    assert.deepEqual({ work, unchanged, more }, { work: [], unchanged: 2, more: 3 });
  });

  test('a namespace that somebody else made stops it before anything is written', async () => {
    const api = new FakeApi();
    api.put(NAMESPACES, 'tool-seed-0003', undefined, { tenancy: 'tool' });
    await assert.rejects(plan(api, options()), (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, 'foreign');
      assert.match(error.what, /tool-seed-0003/);
      return true;
    });
    assert.equal(api.requests.filter((request) => !request.startsWith('LIST')).length, 0);
  });

  test('another prefix is somebody else too', async () => {
    const api = new FakeApi();
    api.put(NAMESPACES, 'tool-seed-0003', undefined, { [SEED_LABEL]: 'other' });
    await assert.rejects(plan(api, options()), Failure);
  });

  test('with one namespace for all, it is made once and each policy has a name of its own', async () => {
    const api = new FakeApi();
    const wanted = options({ singleNamespace: true });
    const { work } = await plan(api, wanted);
    const writer = new AccountWriter(api, wanted, template);
    await Promise.all(work.map((item) => writer.write(item)));
    assert.deepEqual(api.names('namespaces'), ['/api/v1/namespaces/tool-seed']);
    assert.equal(api.requests.filter((request) => request === 'POST /api/v1/namespaces').length, 1);
    assert.equal(new Set(api.names('policies')).size, 5);
    assert.equal(await write(api, wanted), 0);
  });
});

suite('writing an account', () => {
  test('an answer that was lost is no loss: the next try finds what the first one made', async () => {
    const api = new FakeApi();
    const wanted = options({ count: 1 });
    const { work } = await plan(api, wanted);
    const [item] = work;
    assert.ok(item);
    const writer = new AccountWriter(api, wanted, template);
    await writer.write(item);
    await writer.write(item); // as after an answer that never came: both objects exist by now
    assert.equal(api.names('policies').length, 1);
    assert.deepEqual((await plan(api, wanted)).work, []);
  });

  test('a policy of that name that is not ours is not touched', async () => {
    const api = new FakeApi();
    const wanted = options({ count: 1 });
    const [item] = (await plan(api, wanted)).work;
    assert.ok(item);
    api.put(NAMESPACES, item.namespace, undefined, { [SEED_LABEL]: 'seed' });
    api.put(POLICIES, item.policy, item.namespace, {}, { spec: { rules: [] } });
    const before = structuredClone(api.objects.get(api.names('policies')[0] ?? ''));
    const writer = new AccountWriter(api, wanted, template);
    await assert.rejects(
      writer.write(item),
      (error: unknown) => error instanceof Failure && error.kind === 'foreign',
    );
    assert.deepEqual(api.objects.get(api.names('policies')[0] ?? ''), before);
  });
});

suite('the plan of a deletion', () => {
  const seeded = async (changes: Partial<SeedPoliciesOptions> = {}): Promise<FakeApi> => {
    const api = new FakeApi();
    await write(api, options(changes));
    api.put(NAMESPACES, 'tool-somebody', undefined, { tenancy: 'tool' });
    return api;
  };
  const removal = async (
    api: FakeApi,
    count: number | undefined,
    changes: Partial<SeedPoliciesOptions> = {},
  ) => planRemoval(await observe(api, 'seed', 'metadata'), { ...options(changes), count });

  test('the first accounts, all of them, and never what is not ours', async () => {
    const api = await seeded();
    const names = async (count: number | undefined): Promise<string[]> =>
      (await removal(api, count)).namespaces.map(({ name }) => name);
    assert.deepEqual(await names(2), ['tool-seed-0001', 'tool-seed-0002']);
    assert.equal((await names(100)).length, 5);
    assert.equal((await names(undefined)).length, 5);
    api.put(NAMESPACES, 'tool-seed-0001', undefined, {});
    assert.deepEqual(await names(2), ['tool-seed-0002']);
  });

  test('in one namespace, policies go one by one, and with the last of them the namespace', async () => {
    const api = await seeded({ singleNamespace: true });
    const some = await removal(api, 3, { singleNamespace: true });
    assert.equal(some.policies.length, 3);
    assert.deepEqual(some.namespaces, []);
    const all = await removal(api, 5, { singleNamespace: true });
    assert.deepEqual(
      all.namespaces.map(({ name }) => name),
      ['tool-seed'],
    );
  });
});
