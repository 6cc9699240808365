import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { mending, offencesOf } from '../../../lab/migrate/offences.ts';
import { contextOperations, type PodSpec } from '../../../lab/migrate/workloads.ts';
import { securityContexts } from '../../../components/workloads/index.ts';

const UID = 50_001;
const PATH = '/spec/template/spec';
const explicit = securityContexts({ uid: UID }, 'explicit');
const pod = (fields: object, container: object = {}): PodSpec => ({
  containers: [{ name: 'a', ...container }],
  ...fields,
});

suite('the templates of the generators', () => {
  test('get the explicit context, in every container', () => {
    const two: PodSpec = { securityContext: {}, containers: [{ name: 'a' }, { name: 'b' }] };
    const operations = contextOperations({ path: PATH, pod: two }, UID, 'explicit');
    assert.deepEqual(
      operations.map(({ op, path }) => [op, path]),
      [
        ['add', `${PATH}/securityContext`],
        ['add', `${PATH}/containers/0/securityContext`],
        ['add', `${PATH}/containers/1/securityContext`],
      ],
    );
    assert.deepEqual(operations[0]?.value, explicit.pod);
  });

  test('that have it are left alone', () => {
    const done = pod({ securityContext: explicit.pod }, { securityContext: explicit.container });
    assert.deepEqual(contextOperations({ path: PATH, pod: done }, UID, 'explicit'), []);
    // The API drops the field that it does not know.
    assert.deepEqual(contextOperations({ path: PATH, pod: done }, UID, 'default-proc-mount'), []);
  });

  test('lose it on the way back, and only then', () => {
    const done = pod({ securityContext: explicit.pod }, { securityContext: explicit.container });
    assert.deepEqual(
      contextOperations({ path: PATH, pod: done }, UID, 'before').map(({ op }) => op),
      ['remove', 'remove'],
    );
    assert.deepEqual(contextOperations({ path: PATH, pod: pod({ securityContext: {} }) }, UID, 'before'), []);
  });
});

suite('what offends', () => {
  test('is what is said, not what is left open', () => {
    assert.deepEqual(offencesOf(pod({}), UID), []);
    assert.deepEqual(
      offencesOf(pod({ securityContext: explicit.pod }, { securityContext: explicit.container }), UID),
      [],
    );
  });

  test('each field with its value, in every kind of container', () => {
    const offences = offencesOf(
      {
        securityContext: { runAsNonRoot: false, seccompProfile: { type: 'Unconfined' } },
        containers: [{ name: 'a', securityContext: { privileged: true } }],
        initContainers: [{ name: 'b', securityContext: { runAsUser: 0, capabilities: { drop: [] } } }],
      },
      UID,
    );
    assert.deepEqual(
      offences.map(({ field, value, wanted }) => [field, value, wanted]),
      [
        ['spec.securityContext.runAsNonRoot', false, true],
        ['spec.securityContext.seccompProfile.type', 'Unconfined', 'RuntimeDefault'],
        ['spec.initContainers[0].securityContext.runAsUser', 0, UID],
        ['spec.containers[0].securityContext.privileged', true, false],
      ],
    );
    assert.deepEqual(mending(offences, PATH).slice(0, 2), [
      { op: 'test', path: `${PATH}/securityContext/runAsNonRoot`, value: false },
      { op: 'replace', path: `${PATH}/securityContext/runAsNonRoot`, value: true },
    ]);
  });
});
