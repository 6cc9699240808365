import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resourceOf, servedResources, sortManifests } from '../../../components/kyverno/manifests.ts';

const crd = {
  kind: 'CustomResourceDefinition',
  metadata: { name: 'policies.kyverno.io' },
  spec: {
    group: 'kyverno.io',
    names: { plural: 'policies' },
    versions: [
      { name: 'v1', storage: true },
      { name: 'v2beta1', storage: false },
    ],
  },
};

void suite('Kyverno’s manifests', () => {
  test('Deployments are for the platform, everything else for the API', () => {
    const deployment = { kind: 'Deployment', metadata: { name: 'kyverno-admission-controller' } };
    const { objects, deployments } = sortManifests([crd, deployment]);
    assert.deepEqual(objects, [crd]);
    assert.deepEqual(deployments, [deployment]);
  });

  test('the fingerprint tells when anything changed', () => {
    const before = sortManifests([crd]).fingerprint;
    assert.equal(sortManifests([{ ...crd }]).fingerprint, before);
    assert.notEqual(sortManifests([{ ...crd, metadata: { name: 'other' } }]).fingerprint, before);
  });

  test('a CRD makes the API server serve its stored version', () => {
    assert.deepEqual(servedResources([crd, { kind: 'Service' }]), [
      { group: 'kyverno.io', version: 'v1', plural: 'policies' },
    ]);
  });

  test('a kind that the chart did not have before is no silent gap', () => {
    assert.equal(resourceOf(crd).plural, 'customresourcedefinitions');
    assert.throws(() => resourceOf({ kind: 'ServiceMonitor' }), /ServiceMonitor/);
    assert.throws(() => resourceOf({ kind: 'toString' }), /toString/);
  });
});
