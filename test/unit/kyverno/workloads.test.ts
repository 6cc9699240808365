import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { PlatformWorkload } from '../../../cluster/provider.ts';
import { sortManifests } from '../../../components/kyverno/manifests.ts';
import { workloadOf } from '../../../components/kyverno/workloads.ts';

const processes = { webhookAddress: (service: string) => (service === '' ? undefined : '127.0.0.1:20012') };
const pods = { webhookAddress: () => undefined };

function workload(
  name: string,
  platform: Parameters<typeof workloadOf>[1],
  version = '1.18.2',
): PlatformWorkload {
  const { deployments } = sortManifests([{ kind: 'Deployment', metadata: { name } }]);
  const [deployment] = deployments;
  assert.ok(deployment !== undefined);
  return workloadOf(deployment, platform, version);
}

void suite('Kyverno’s controllers on a platform', () => {
  test('a process registers its webhooks where HAProxy listens, and serves on loopback only', () => {
    const admission = workload('kyverno-admission-controller', processes);
    const { binary, webhook } = admission;
    assert.equal(binary, 'kyverno');
    assert.equal(webhook?.service, 'kyverno-svc');
    assert.deepEqual(webhook.replicaArguments(20_021), [
      '--webhookServerHost=127.0.0.1',
      '--webhookServerPort=20021',
    ]);
    assert.ok(admission.processArguments?.(1).includes('--serverIP=127.0.0.1:20012'));
  });

  test('nothing but webhooks is served: no metrics, no profiles', () => {
    for (const name of ['admission', 'background', 'cleanup', 'reports']) {
      const args = workload(`kyverno-${name}-controller`, processes).processArguments?.(1) ?? [];
      assert.ok(args.includes('--disableMetrics=true'), name);
      assert.ok(args.includes('--otelConfig=none'), name);
    }
    assert.ok(
      workload('kyverno-background-controller', processes)
        .processArguments?.(1)
        .includes('--controllerRuntimeMetricsAddress=0'),
    );
  });

  test('what no request waits for yields to the API servers', () => {
    const yielding = ['admission', 'background', 'cleanup', 'reports'].filter(
      (name) => workload(`kyverno-${name}-controller`, processes).background === true,
    );
    assert.deepEqual(yielding, ['background', 'reports']);
  });

  test('the cleanup controller has flags of its own for where it listens', () => {
    const { webhook } = workload('kyverno-cleanup-controller', processes);
    assert.equal(webhook?.service, 'kyverno-cleanup-controller');
    assert.deepEqual(webhook.replicaArguments(20_030), [
      '--cleanupServerHost=127.0.0.1',
      '--cleanupServerPort=20030',
    ]);
  });

  test('an older Kyverno is not given flags that it does not have', () => {
    for (const name of ['admission', 'background', 'cleanup', 'reports']) {
      const older = workload(`kyverno-${name}-controller`, processes, '1.12.5');
      const args = [
        ...(older.processArguments?.(1) ?? []),
        ...(older.webhook?.replicaArguments(20_021) ?? []),
      ];
      assert.ok(
        !args.some((argument) => /ServerHost|controllerRuntime|LogColor/.test(argument)),
        args.join(' '),
      );
      if (older.webhook !== undefined) assert.match(args.at(-1) ?? '', /ServerPort=20021$/);
    }
  });

  test('pods register their webhooks by Service', () => {
    const args = workload('kyverno-admission-controller', pods).processArguments?.(1) ?? [];
    assert.ok(!args.some((argument) => argument.startsWith('--serverIP')));
  });

  test('a Deployment that the chart did not have before is no silent gap', () => {
    assert.throws(() => workload('kyverno-new-controller', pods), /kyverno-new-controller/);
  });
});
