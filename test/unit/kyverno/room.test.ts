import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { V1Deployment } from '@kubernetes/client-node';
import { requireRoom } from '../../../components/kyverno/room.ts';

const node = (cpu: string, taint = 'node.kubernetes.io/not-ready', memory = '64Gi') => ({
  spec: { taints: [{ key: taint, effect: 'NoSchedule' }] },
  status: { allocatable: { cpu, memory } },
});
const deployment = (replicas: number, cpu?: string, memory = '0'): V1Deployment =>
  ({
    spec: {
      replicas,
      template: {
        spec: {
          containers: [{ name: 'c', resources: cpu === undefined ? {} : { requests: { cpu, memory } } }],
        },
      },
    },
  }) as unknown as V1Deployment;
const room = (nodes: object[], ...deployments: V1Deployment[]): Promise<void> =>
  requireRoom({ list: <T>() => Promise.resolve(nodes as T[]) }, deployments);

suite("room for Kyverno's pods", () => {
  test('without requests there is always enough', () => room([], deployment(7)));

  test("production's requests fit on enough processors", () =>
    room([node('12')], deployment(7, '1000m'), deployment(2, '500m'), deployment(2, '1')));

  test('where they do not, both numbers are named; nodes that take no pods do not count', async () => {
    await assert.rejects(
      room(
        [node('8', 'node-role.kubernetes.io/control-plane'), node('2')],
        deployment(1, '1000m'),
        deployment(1, '500m'),
      ),
      /too few processors.*/,
    );
    await assert.rejects(
      room([node('2')], deployment(1, '1500m')),
      (error: { why?: string }) =>
        error.why === "Kyverno's pods ask for 1.5 in all, and 1.0 are left for them",
    );
  });

  test('memory counts as well', () =>
    assert.rejects(
      room([node('8', undefined, '4Gi')], deployment(2, '1', '2Gi')),
      (error: { message: string; why?: string }) =>
        error.message.includes('too little memory') &&
        error.why === "Kyverno's pods ask for 4.0 GiB in all, and 3.5 GiB are left for them",
    ));
});
