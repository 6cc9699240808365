import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  AUTOGEN_ANNOTATION,
  loadPolicyTemplate,
  policyTemplate,
  type PolicyVariables,
} from '../../../components/kyverno/policies/render.ts';

const variables: PolicyVariables = {
  namespace: 'tool-tf-test',
  uid: 50_001,
  dataDirectory: '/data/project/tf-test',
  action: 'Audit',
  background: false,
};
const toolforge = await loadPolicyTemplate('toolforge');
const kindsOf = (policy: ReturnType<typeof toolforge>): string[][] =>
  policy.spec.rules.map(({ match }) => match.any.flatMap(({ resources }) => resources.kinds));

suite('the account policy, profile toolforge', () => {
  test('mutates first, then validates, under the names of production', () => {
    const { metadata, spec } = toolforge(variables);
    assert.equal(metadata.namespace, 'tool-tf-test');
    assert.equal(metadata.name, 'toolforge-kyverno-pod-policy');
    assert.deepEqual(
      spec.rules.map(({ name, mutate, validate }) => [name, mutate !== undefined, validate !== undefined]),
      [
        ['toolforge-mutate-pod-policy', true, false],
        ['toolforge-validate-pod-policy', false, true],
      ],
    );
  });

  test('fills in variables with their types, and leaves none', () => {
    const policy = toolforge({ ...variables, action: 'Enforce', background: true });
    assert.equal(policy.spec['validationFailureAction'], 'Enforce');
    assert.equal(policy.spec['background'], true);
    const text = JSON.stringify(policy);
    assert.ok(!text.includes('${'));
    assert.ok(!text.includes('"50001"'), 'a uid is a number');
    // Pod and three kinds of containers mutated, pod and containers of three kinds validated; twice where there is a group.
    assert.equal(text.match(/[:[,]50001\b/g)?.length, 3 + 3 * 2 + 3 + 3 * 2 + 2);
    assert.match(text, /user and group 50001,/);
  });

  test('only adds in the mutation, except for the union of dropped capabilities', () => {
    const mutation = JSON.stringify(toolforge(variables).spec.rules[0]?.mutate);
    const leaves = [...mutation.matchAll(/"([^"]+)":(?:true|false|\d+)/g)].map(([, key]) => key ?? '');
    assert.equal(leaves.length, 4 + 3 * 6);
    for (const key of leaves) assert.match(key, /^\+\(\w+\)$/);
  });

  test('keeps Kyverno from deriving rules, unless asked for', () => {
    assert.equal(toolforge(variables).metadata.annotations?.[AUTOGEN_ANNOTATION], 'none');
    assert.deepEqual(kindsOf(toolforge(variables)), [
      ['*/Pod', '*/Pod/ephemeralcontainers'],
      ['*/Pod', '*/Pod/ephemeralcontainers'],
    ]);
    const derived = toolforge(variables, { autogen: true });
    assert.equal(derived.metadata.annotations?.[AUTOGEN_ANNOTATION], undefined);
    assert.deepEqual(kindsOf(derived), [
      ['Pod', 'Pod/ephemeralcontainers'],
      ['Pod', 'Pod/ephemeralcontainers'],
    ]);
  });

  test('does not validate subresources in the background, which Kyverno refuses', () => {
    assert.deepEqual(kindsOf(toolforge({ ...variables, background: true })), [
      ['*/Pod', '*/Pod/ephemeralcontainers'],
      ['*/Pod'],
    ]);
  });

  test('is made anew each time: no account sees another one', () => {
    assert.notDeepEqual(toolforge(variables), toolforge({ ...variables, uid: 50_002 }));
    assert.deepEqual(toolforge(variables), toolforge(variables));
  });
});

suite('policyTemplate', () => {
  test('a template that names an unknown variable is a bug', () => {
    const template = policyTemplate('metadata: {name: "${nmae}"}\nspec: {rules: []}');
    assert.throws(() => template(variables), /unknown variable: nmae/);
  });
});

suite('a template for an older Kyverno', () => {
  test('has no field that its CRD does not have', async () => {
    for (const profile of ['psp', 'toolforge'] as const) {
      const text = async (kyverno: string): Promise<string> =>
        JSON.stringify((await loadPolicyTemplate(profile, kyverno))(variables));
      assert.ok(!(await text('1.12.5')).includes('allowExistingViolations'), profile);
      assert.ok((await text('1.13.0')).includes('"allowExistingViolations":false'), profile);
      assert.equal(await text('1.18.2'), JSON.stringify((await loadPolicyTemplate(profile))(variables)));
    }
  });
});
