import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { openCluster } from '../../cluster/open.ts';
import type { Cluster } from '../../cluster/provider.ts';
import { admissionStandsStill } from '../../components/kyverno/standstill.ts';
import { policyTemplate } from '../../components/kyverno/policies/render.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { KubeError } from '../../lib/kube/errors.ts';
import { CONFIG_MAPS, NAMESPACES, pathOf, PODS, POLICIES, type KubeObject } from '../../lib/kube/types.ts';
import { createOutput } from '../../lib/output.ts';
import { xdgPaths } from '../../lib/paths.ts';
import { systemRunner } from '../../lib/run.ts';
import { waitFor } from '../../lib/wait.ts';
import { seedPolicies } from '../../seed/policies/index.ts';
import { freePorts, outcome, parseEvents, Rig, type CommandResult, type Event } from '../rig.ts';

const NAME = 'seed';
const POLICY = 'toolforge-kyverno-pod-policy';

suite('seed-policies', () => {
  let rig: Rig;
  let context: Context;
  let cluster: Cluster;
  let client: KubeClient;

  before(async () => {
    rig = await Rig.create('tls');
    await rig.ok('up', '--name', NAME, ...(await freePorts()));
    context = {
      output: createOutput({ stdout: process.stderr, stderr: process.stderr }, true, {}),
      runner: systemRunner,
      clock: systemClock,
      paths: { ...xdgPaths(process.env), state: path.dirname(rig.directory(NAME)) },
      signal: new AbortController().signal,
      env: process.env,
    };
    cluster = await openCluster(NAME, context);
    client = await cluster.client();
  });
  after(async () => {
    await client.close();
    await rig.dispose(NAME);
  });

  const seed = (...args: string[]): Promise<CommandResult> =>
    rig.run('seed-policies', '--name', NAME, '--json', ...args);
  const summary = async (...args: string[]): Promise<Event> => {
    const { stdout, exitCode } = await seed(...args);
    assert.equal(exitCode, 0, stdout);
    return parseEvents(stdout).find(({ event }) => event === 'summary') ?? assert.fail('no summary');
  };
  const ours = (prefix: string): Promise<KubeObject[]> =>
    client.list<KubeObject>(POLICIES, { labelSelector: `toolforge-local/seed=${prefix}` });
  const versions = async (prefix: string): Promise<Map<string | undefined, string | undefined>> =>
    new Map((await ours(prefix)).map(({ metadata }) => [metadata?.namespace, metadata?.resourceVersion]));

  /** Kyverno marks each policy ready in its status, a while after it was made. */
  const allReady = (prefix: string): Promise<true> =>
    waitFor(
      'Kyverno to mark the policies ready',
      async () => ((await ours(prefix)).every(isReady) ? true : undefined),
      { clock: systemClock, signal: context.signal, timeoutMs: 120_000 },
    );

  test('makes what is asked for, tells how it goes, and the second time writes nothing', async () => {
    const { stdout, exitCode } = await seed('300');
    assert.equal(exitCode, 0, stdout);
    const events = parseEvents(stdout);
    const { created, present, failed } =
      events.find(({ event }) => event === 'summary') ?? assert.fail(stdout);
    assert.deepEqual({ created, present, failed }, { created: 300, present: 300, failed: 0 });
    const [progress] = events.filter(({ event }) => event === 'progress');
    assert.equal(progress?.['total'], 300);
    assert.ok((progress['apiservers'] as number[]).every((bytes) => bytes > 50 * 2 ** 20));
    await allReady('seed');
    const before = await versions('seed');
    assert.equal((await summary('300'))['unchanged'], 300);
    assert.deepEqual(await versions('seed'), before);
  });

  test('mends what was changed, and that only', async () => {
    const before = await versions('seed');
    await client.request('PATCH', pathOf(POLICIES, 'tool-seed-0007', POLICY), {
      body: { spec: { validationFailureAction: 'Enforce' } },
      contentType: 'application/merge-patch+json',
    });
    await client.request('PATCH', pathOf(NAMESPACES, undefined, 'tool-seed-0009'), {
      body: { metadata: { labels: { tenancy: null } } },
      contentType: 'application/merge-patch+json',
    });
    await client.delete(POLICIES, POLICY, 'tool-seed-0011');
    const { created, changed, unchanged } = await summary('300');
    assert.deepEqual({ created, changed, unchanged }, { created: 1, changed: 2, unchanged: 297 });
    const after = await versions('seed');
    const different = [...after].filter(([namespace, version]) => before.get(namespace) !== version);
    assert.deepEqual(different.map(([namespace]) => namespace).sort(), ['tool-seed-0007', 'tool-seed-0011']);
    const { metadata } = await client.get<KubeObject>(NAMESPACES, 'tool-seed-0009');
    assert.equal(metadata?.labels?.['tenancy'], 'tool');
  });

  test('another action, autogen and background are brought to the policies that are there', async () => {
    assert.equal((await summary('5', '--action', 'Enforce', '--autogen', '--background'))['changed'], 5);
    assert.equal((await summary('5'))['changed'], 5);
    assert.equal((await summary('5'))['unchanged'], 5);
  });

  test('a namespace that somebody else made is neither taken over nor deleted', async () => {
    const name = 'tool-other-0002';
    await client.create<KubeObject>(NAMESPACES, { metadata: { name } });
    const { exitCode, stdout } = await seed('3', '--prefix', 'other');
    assert.equal(exitCode, 6);
    assert.match(String(parseEvents(stdout).at(-1)?.['error']), /tool-other-0002 exists/);
    assert.equal((await ours('other')).length, 0);
    assert.equal((await summary('--delete', '--prefix', 'other'))['deleted'], 0);
    assert.equal((await client.get<KubeObject>(NAMESPACES, name)).metadata?.deletionTimestamp, undefined);
  });

  test("a policy that Kyverno refuses ends it at once, in Kyverno's words", async () => {
    const text = await readFile(
      path.join(import.meta.dirname, '../../components/kyverno/policies/toolforge.yaml'),
      'utf8',
    );
    const broken = policyTemplate(text.replace('foreach:', 'foreach: []\n        targets:'));
    const request = { count: 100, delete: false, cold: false, prefix: 'broken', action: 'Audit' as const };
    const options = { background: false, autogen: false, singleNamespace: false, concurrency: 8 };
    let created = -1;
    const run = seedPolicies(
      cluster,
      { ...request, ...options },
      context,
      (told) => (created = told.created),
      broken,
    );
    await assert.rejects(run, (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, 'cluster');
      assert.match(error.what, /of 100 accounts could not be written; stopped/);
      assert.match(error.why ?? '', /spec\.rules/);
      return true;
    });
    assert.equal(created, 0);
    await summary('--delete', '--prefix', 'broken');
  });

  test('interrupted by Ctrl-C it says so, and goes on from there', async () => {
    const child = rig.start('seed-policies', '--name', NAME, '--json', '--prefix', 'half', '150');
    const ended = outcome(child);
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes('"progress"')) child.kill('SIGINT');
    });
    assert.equal((await ended).exitCode, 130);
    const { created, unchanged } = await summary('--prefix', 'half', '150');
    assert.equal(Number(created) + Number(unchanged), 150);
    assert.equal((await ours('half')).length, 150);
    await summary('--delete', '--prefix', 'half');
  });

  /** A pod in the first account's namespace, as it would be admitted, or the refusal. */
  const tryPod = async (spec: object): Promise<KubeObject | KubeError> => {
    const body = { metadata: { name: 'tried' }, spec: { containers: [{ name: 'a', image: 'x' }], ...spec } };
    try {
      return await client.request<KubeObject>('POST', pathOf(PODS, 'tool-seed-0001'), {
        body,
        query: { dryRun: 'All' },
      });
    } catch (error) {
      if (error instanceof KubeError) return error;
      throw error;
    }
  };

  test('cold, killed at any moment: the next run brings Kyverno back, and it judges pods again', async () => {
    for (const [index, at] of ['kyverno.stop', 'policies.write', 'kyverno.start'].entries()) {
      const args = ['--json', '--cold', '--prefix', `cold${index}`, '100'];
      const child = rig.start('seed-policies', '--name', NAME, ...args);
      const ended = outcome(child);
      child.stdout?.on('data', (chunk: Buffer) => {
        if (chunk.includes(`"step.start","id":"${at}"`)) child.kill('SIGKILL');
      });
      assert.equal((await ended).signal, 'SIGKILL', at);
      if (at !== 'kyverno.stop') assert.ok(await admissionStandsStill(cluster), at);
      await summary('1', '--action', 'Enforce');
      assert.ok(!(await admissionStandsStill(cluster)), at);
      await waitFor(
        `a pod to be refused after a kill at ${at}`,
        async () =>
          (await tryPod({ securityContext: { runAsNonRoot: false } })) instanceof KubeError
            ? true
            : undefined,
        { clock: systemClock, signal: context.signal, timeoutMs: 60_000 },
      );
    }
    assert.equal((await summary('--cold', '--prefix', 'cold', '100'))['created'], 100);
    assert.equal((await ours('cold')).length, 100);
  });

  test('deletes everything of a prefix, one namespace for all too, and leaves nothing behind', async () => {
    assert.equal((await summary('30', '--single-namespace', '--prefix', 'crowd'))['created'], 30);
    assert.equal((await summary('10', '--single-namespace', '--prefix', 'crowd', '--delete'))['present'], 20);
    for (const prefix of ['seed', 'crowd', 'cold', 'cold0', 'cold1', 'cold2']) {
      await seed('--delete', '--prefix', prefix);
    }
    const names = (await client.list<KubeObject>(NAMESPACES)).map(({ metadata }) => metadata?.name ?? '');
    const left = names.filter((name) => /^tool-(seed|crowd|cold)/.test(name));
    assert.deepEqual(left, []);
    const maps = (await client.list<KubeObject>(CONFIG_MAPS)).map(
      ({ metadata }) => metadata?.namespace ?? '',
    );
    assert.deepEqual(
      maps.filter((namespace) => !names.includes(namespace)),
      [],
    );
  });
});

function isReady({ status }: KubeObject): boolean {
  const { conditions } = (status ?? {}) as { conditions?: readonly { type: string; status: string }[] };
  return conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
}
