import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { memoryLimitProblem } from '../../cluster/embedded/cgroup.ts';
import { systemClock } from '../../lib/clock.ts';
import { acquireLock } from '../../lib/lock.ts';
import { waitFor } from '../../lib/wait.ts';
import { freePorts, outcome, parseEvents, Rig, type Event } from '../rig.ts';

const NAME = 'ha';
const POLICIES = 600;

suite('three control planes', () => {
  let rig: Rig;
  let ports: string[];
  const waiting = { clock: systemClock, signal: new AbortController().signal, timeoutMs: 120_000 };

  before(async () => {
    rig = await Rig.create('tlh');
    ports = await freePorts();
    await rig.ok('up', '--name', NAME, '--ha', ...ports, '--kyverno-replicas', '2');
  });
  after(() => rig.dispose(NAME));

  const status = async (): Promise<Event> => {
    const { stdout } = await rig.run('status', '--name', NAME, '--json');
    return parseEvents(stdout)[0] ?? { event: 'none' };
  };
  const pidOf = async (service: string): Promise<number> => {
    const { machines } = (await status()) as unknown as {
      machines: { processes: { name: string; pid?: number }[] }[];
    };
    const found = machines.flatMap(({ processes }) => processes).find(({ name }) => name === service);
    assert.ok(found?.pid, `${service} does not run`);
    return found.pid;
  };

  test('HAProxy has all three, and both admission replicas', async () => {
    const { haproxy } = (await status()) as unknown as {
      haproxy: { value: { backends: { name: string; servers: { state: string }[] }[] } };
    };
    const up = Object.fromEntries(
      haproxy.value.backends.map(({ name, servers }) => [name, servers.map(({ state }) => state)]),
    );
    assert.deepEqual(up['k8s-api'], ['up', 'up', 'up']);
    assert.deepEqual(up['kyverno-svc'], ['up', 'up']);
  });

  test('a seed-policies under way survives the death of any one API server and of HAProxy', async () => {
    const child = rig.start('seed-policies', '--name', NAME, String(POLICIES), '--json');
    const ended = outcome(child);
    for (const victim of ['kube-apiserver-1', 'kube-apiserver-2', 'kube-apiserver-3', 'haproxy']) {
      await waitFor(`${victim} to run`, async () => pidOf(victim).catch(() => undefined), waiting);
      process.kill(await pidOf(victim), 'SIGKILL');
      await waitFor(
        'the cluster to be whole again',
        async () => ((await status())['healthy'] === true ? true : undefined),
        {
          ...waiting,
          maxPauseMs: 1_000,
        },
      );
    }
    const result = await ended;
    assert.equal(result.exitCode, 0, result.stdout.slice(-2_000) + result.stderr.slice(-2_000));
    const { stdout } = await rig.ok(
      'kubectl',
      '--name',
      NAME,
      'get',
      'policies',
      '-A',
      '--no-headers',
      '-l',
      'toolforge-local/seed',
    );
    assert.equal(stdout.trim().split('\n').length, POLICIES);
  });

  test('a second command on the same cluster is refused while one is at work', async () => {
    const release = await acquireLock(`${rig.directory(NAME)}.lock`, { ...waiting, command: 'up' });
    for (const command of ['up', 'down', 'reset']) {
      const refused = await rig.run(command, '--name', NAME);
      assert.equal(refused.exitCode, 5, command);
      assert.match(refused.stderr, /`up` \(process \d+\) is at work/);
    }
    await release();
  });

  test('a memory limit makes each control plane a cgroup; without it there is none', async (t) => {
    const problem = await memoryLimitProblem();
    if (problem !== undefined) {
      const refused = await rig.run('up', '--name', NAME, '--control-plane-memory', '3Gi');
      assert.equal(refused.exitCode, 3);
      assert.match(refused.stderr, /Control-plane memory cannot be limited/);
      t.diagnostic(`limits were not set: ${problem}`);
      return;
    }
    await rig.ok(
      'up',
      '--name',
      NAME,
      '--ha',
      ...ports,
      '--kyverno-replicas',
      '2',
      '--control-plane-memory',
      '3Gi',
    );
    const { machines } = (await status()) as unknown as { machines: { machine: string; limit?: number }[] };
    const limits = machines
      .filter(({ machine }) => machine.startsWith('control-plane'))
      .map(({ limit }) => limit);
    assert.deepEqual(limits, Array(3).fill(3 * 1024 ** 3));
    const membership = await readFile(
      path.join('/proc', String(await pidOf('kube-apiserver-2')), 'cgroup'),
      'utf8',
    );
    assert.match(membership, new RegExp(`toolforge-local/${NAME}/control-plane-2`));
    await rig.ok('up', '--name', NAME, '--control-plane-memory', 'none');
    const without = await readFile(
      path.join('/proc', String(await pidOf('kube-apiserver-2')), 'cgroup'),
      'utf8',
    );
    assert.doesNotMatch(without, /toolforge-local/);
  });

  test('what is not asked for stays; --no-ha leaves one control plane', async () => {
    const { spec } = (await rig.record(NAME)) as { spec: { controlPlanes: number; kyvernoReplicas: number } };
    assert.equal(spec.controlPlanes, 3);
    assert.equal(spec.kyvernoReplicas, 2);
    await rig.ok('up', '--name', NAME, '--no-ha');
    const { haproxy } = (await status()) as unknown as {
      haproxy: { value: { backends: { name: string; servers: unknown[] }[] } };
    };
    assert.equal(haproxy.value.backends.find(({ name }) => name === 'k8s-api')?.servers.length, 1);
  });
});
