import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { difference, reason, type Verdict } from '../../../lab/parity/compare.ts';
import { EXPLAINED } from '../../../lab/parity/explained.ts';
import { pods } from '../../../lab/parity/generate.ts';
import { judge } from '../../../lab/parity/oracle.ts';
import type { Pod } from '../../../lab/parity/pod.ts';

const PLAIN: Pod = { spec: { containers: [{ name: 'c0', image: 'x' }] } };
const admit = (pod: Pod): Verdict => ({ admitted: true, pod });
const refuse = (message: string): Verdict => ({ admitted: false, by: 'policy', message });
const PSP_SAYS =
  'pods "parity" is forbidden: PodSecurityPolicy: unable to admit pod: [spec.containers[1].securityContext.runAsUser: Invalid value: 0: must be in the ranges: [{50001 50001}], spec.hostNetwork: Invalid value: true: no]';
const KYVERNO_SAYS =
  'admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/x was blocked\n toolforge-kyverno-pod-policy:\n toolforge-validate-pod-policy: \'validation failure: This pod breaks the policy of its tool; runAsUser must be 50001\'';

suite('comparing two worlds', () => {
  test('both refuse: no difference, whatever they say', () => {
    assert.equal(difference(refuse(PSP_SAYS), refuse(KYVERNO_SAYS)), undefined);
  });

  test('one refuses: whose refusal it is, and for what', () => {
    assert.deepEqual(difference(refuse(PSP_SAYS), admit(PLAIN)), {
      kind: 'only PSP refuses',
      what: 'spec.containers[*].securityContext.runAsUser',
    });
    assert.deepEqual(difference(admit(PLAIN), refuse(KYVERNO_SAYS)), {
      kind: 'only Kyverno refuses',
      what: 'runAsUser must be 50001',
    });
    assert.equal(reason({ admitted: false, by: 'api', message: 'x' }), 'the API server’s own validation');
  });

  test('both admit: the pods are compared without what no admission decided', () => {
    const made = (token: string, drop: readonly string[], annotations: object): Verdict =>
      admit({
        metadata: { uid: token, annotations: annotations as Record<string, string> },
        spec: {
          volumes: [{ name: `kube-api-access-${token}` }],
          containers: [{ name: 'c0', image: 'x', securityContext: { capabilities: { drop } } }],
        },
      });
    const psp = { 'kubernetes.io/psp': 'x', 'seccomp.security.alpha.kubernetes.io/pod': 'runtime/default' };
    assert.equal(
      difference(made('abcde', ['ALL', 'CHOWN'], psp), made('fghij', ['CHOWN', 'ALL'], {})),
      undefined,
    );
    assert.deepEqual(difference(made('abcde', ['ALL'], {}), made('abcde', ['CHOWN', 'ALL'], {})), {
      kind: 'the pods differ',
      what: 'pod.spec.containers[*].securityContext.capabilities.drop',
    });
  });
});

suite('the oracle', () => {
  const EMPTY: Pod = { spec: { ...PLAIN.spec, securityContext: { supplementalGroups: [] } } };
  const saw = (pod: Pod): boolean => pod.spec.securityContext?.supplementalGroups?.length === 0;

  test('a row explains a difference that goes away with what it is about', async () => {
    const worlds = {
      psp: (pod: Pod) => Promise.resolve(saw(pod) ? refuse(PSP_SAYS) : admit(pod)),
      kyverno: (pod: Pod) => Promise.resolve(admit({ spec: { ...pod.spec, securityContext: {} } })),
    };
    // Without the groups an empty context is left on both sides.
    assert.deepEqual((await judge(EMPTY, worlds)).explainedBy, ['empty-groups']);
  });

  test('and no other difference that the pod has beside it', async () => {
    const worlds = {
      psp: () => Promise.resolve(refuse(PSP_SAYS)),
      kyverno: (pod: Pod) => Promise.resolve(admit(pod)),
    };
    const judged = await judge(EMPTY, worlds);
    assert.notEqual(judged.difference, undefined);
    assert.deepEqual(judged.explainedBy, []);
  });

  test('rows take away what they are about, and only that', () => {
    fc.assert(
      fc.property(pods(50_001), (pod) => {
        for (const row of EXPLAINED) {
          if (!row.applies(pod)) continue;
          const without = row.without(pod);
          assert.equal(row.applies(without), false);
          assert.equal(without.spec.containers.length, pod.spec.containers.length);
        }
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test('the same seed gives the same pods, with every kind of field among them', () => {
    const sample = (): string => JSON.stringify(fc.sample(pods(50_001), { seed: 7, numRuns: 500 }));
    const text = sample();
    assert.equal(text, sample());
    for (const field of [
      'hostPath',
      'initContainers',
      'hostPort',
      'procMount',
      'sysctls',
      'supplementalGroups',
      'nfs',
    ]) {
      assert.ok(text.includes(`"${field}"`), field);
    }
  });
});
