import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { lintPolicy } from '../../../components/kyverno/lint/lint.ts';
import { probesOf } from '../../../components/kyverno/lint/probes.ts';
import type { ApiSchemas } from '../../../components/kyverno/lint/schema.ts';
import { loadPolicyTemplate, policyTemplate } from '../../../components/kyverno/policies/render.ts';

const ref = (name: string): { allOf: { $ref: string }[] } => ({
  allOf: [{ $ref: `#/components/schemas/${name}` }],
});
const flag = { type: 'boolean' };
const id = { type: 'integer', format: 'int64' };
const CONTEXT = { runAsUser: id, runAsGroup: id, runAsNonRoot: flag, seccompProfile: ref('Seccomp') };
const containers = { type: 'array', items: ref('Container') };

/** As the API server says it, in small: references, lists, enums, and `procMount` without its values. */
const API: ApiSchemas = {
  version: 'v1.24.17',
  schemas: {
    'io.k8s.api.core.v1.Pod': { properties: { spec: ref('PodSpec') } },
    PodSpec: {
      properties: {
        securityContext: ref('PodContext'),
        ...{ containers, initContainers: containers, ephemeralContainers: containers },
        ...{ hostNetwork: flag, hostPID: flag, hostIPC: flag },
      },
    },
    PodContext: { properties: { ...CONTEXT, fsGroup: id, supplementalGroups: { type: 'array', items: id } } },
    Container: { properties: { securityContext: ref('ContainerContext') } },
    ContainerContext: {
      properties: {
        ...CONTEXT,
        ...{ privileged: flag, allowPrivilegeEscalation: flag, readOnlyRootFilesystem: flag },
        procMount: { type: 'string' },
      },
    },
    Seccomp: {
      properties: { type: { type: 'string', enum: ['Localhost', 'RuntimeDefault', 'Unconfined'] } },
    },
  },
};
const variables = {
  namespace: 'tool-x',
  uid: 50_001,
  dataDirectory: '/data/project/x',
  action: 'Enforce',
  background: false,
} as const;

function lintOf(rule: string): string[] {
  const policy = policyTemplate(
    `metadata: { name: x, namespace: x }\nspec: { rules: [{ name: r, ${rule} }] }`,
  )(variables);
  return lintPolicy(policy, API).map(
    ({ field, problem, instead }) => `${field}: ${problem} (${instead ?? '-'})`,
  );
}

suite('the lint of policies', () => {
  test('finds nothing in the templates that are shipped', async () => {
    for (const profile of ['psp', 'toolforge'] as const) {
      const policy = (await loadPolicyTemplate(profile))(variables);
      assert.deepEqual(lintPolicy(policy, API), [], profile);
    }
  });

  test('the constant of 2024 is refused wherever it stands, and its value named', () => {
    const names = 'is not a value of Kubernetes v1.24.17: Default, Unmasked (Default)';
    const context = '{ securityContext: { procMount: DefaultProcMount } }';
    const expected = [`spec.containers[*].securityContext.procMount: "DefaultProcMount" ${names}`];
    assert.deepEqual(
      lintOf(`mutate: { patchStrategicMerge: { spec: { containers: [${context}] } } }`),
      expected,
    );
    assert.deepEqual(lintOf(`validate: { pattern: { spec: { '=(containers)': [${context}] } } }`), expected);
    const deny = `{ key: "{{ element.securityContext.procMount || 'Default' }}", operator: NotEquals, value: DefaultProcMount }`;
    assert.deepEqual(
      lintOf(`validate: { foreach: [{ list: x, deny: { conditions: { any: [${deny}] } } }] }`),
      expected,
    );
  });

  test('anchors are looked through; types, fields and alternatives are checked', () => {
    const pod = (context: string): string[] =>
      lintOf(`validate: { pattern: { spec: { securityContext: ${context} } } }`);
    assert.deepEqual(pod('{ =(runAsNonRoot): "true" }'), [
      'spec.securityContext.runAsNonRoot: "true" is not true or false (-)',
    ]);
    assert.deepEqual(pod('{ runAsUsr: 1 }'), [
      'spec.securityContext.runAsUsr: Kubernetes v1.24.17 has no such field (-)',
    ]);
    assert.deepEqual(pod("{ seccompProfile: { type: 'RuntimeDefault | runtime/default' } }"), [
      'spec.securityContext.seccompProfile.type: "runtime/default" is not a value of Kubernetes v1.24.17: Localhost, RuntimeDefault, Unconfined (-)',
    ]);
    assert.deepEqual(
      pod("{ seccompProfile: { type: '!Unconfined' }, runAsUser: '{{ x }}', fsGroup: 1 }"),
      [],
    );
  });

  test('each thing that `psp` denies is tried', async () => {
    const text = JSON.stringify((await loadPolicyTemplate('psp'))(variables));
    const messages = [...text.matchAll(/"message":"([a-zA-Z]+)/g)].map(([, word]) => word ?? '');
    const about = probesOf('psp', 1)
      .map((probe) => probe.about)
      .join(', ');
    const words: Readonly<Record<string, string>> = {
      only: 'sysctls',
      volumes: 'types of volumes',
      this: 'host paths',
    };
    for (const word of messages.filter((message) => message !== 'This')) {
      assert.ok(about.includes(words[word] ?? word.replace('hostPort', 'host ports')), word);
    }
  });
});
