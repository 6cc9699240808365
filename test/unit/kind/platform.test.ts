import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { troubleOf } from '../../../cluster/kind/platform.ts';

const waiting = (reason: string, message?: string) => ({
  status: {
    containerStatuses: [{ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } }],
  },
});

suite('why a pod does not run', () => {
  test('is what Kubernetes says of its place or its container', () => {
    const condition = { type: 'PodScheduled', status: 'False', message: '0/1 nodes: Insufficient memory.' };
    assert.deepEqual(troubleOf({ status: { conditions: [condition] } }), {
      trouble: 'Pending: 0/1 nodes: Insufficient memory.',
    });
    assert.deepEqual(troubleOf(waiting('ImagePullBackOff', 'no such host')), {
      trouble: 'ImagePullBackOff: no such host',
    });
    assert.deepEqual(troubleOf(waiting('CrashLoopBackOff')), { trouble: 'CrashLoopBackOff' });
  });

  test('is what its first container waits for, where the others wait for that', () => {
    const { status } = waiting('ImagePullBackOff');
    const pod = { ...waiting('PodInitializing').status, initContainerStatuses: status.containerStatuses };
    assert.deepEqual(troubleOf({ status: pod }), { trouble: 'ImagePullBackOff' });
  });

  test('is nothing while it starts', () => {
    assert.deepEqual(troubleOf(waiting('ContainerCreating')), {});
    assert.deepEqual(troubleOf({}), {});
  });
});
