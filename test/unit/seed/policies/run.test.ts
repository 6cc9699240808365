import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, suite, test } from 'node:test';
import type { Cluster } from '../../../../cluster/provider.ts';
import { systemClock } from '../../../../lib/clock.ts';
import type { Context } from '../../../../lib/context.ts';
import { Failure, interrupted } from '../../../../lib/errors.ts';
import { KubeError } from '../../../../lib/kube/errors.ts';
import { createOutput } from '../../../../lib/output.ts';
import { seedPolicies, type SeedRequest, type SeedSummary } from '../../../../seed/policies/index.ts';
import { FakeApi } from './fake-api.ts';

const REQUEST: SeedRequest = {
  count: 40,
  delete: false,
  cold: false,
  prefix: 'seed',
  action: 'Audit',
  background: false,
  autogen: false,
  singleNamespace: false,
  concurrency: 4,
};

suite('seedPolicies', () => {
  let directory: string;
  let api: FakeApi;
  let abort: AbortController;
  let platform: string[];
  let told: SeedSummary[];
  const last = (): SeedSummary => told.at(-1) ?? assert.fail('no summary');

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-seed-'));
  });
  after(() => rm(directory, { recursive: true }));
  beforeEach(() => {
    api = new FakeApi();
    abort = new AbortController();
    platform = [];
    told = [];
  });

  const cluster = (): Cluster =>
    ({
      directory,
      profile: { kyverno: '1.18.2' },
      client: () => Promise.resolve(api),
      memory: () =>
        Promise.resolve([
          { machine: 'control-plane-1', processes: [{ name: 'kube-apiserver-1', rss: 2 ** 30 }] },
        ]),
      platform: {
        pause: (name: string) => Promise.resolve(platform.push(`pause ${name}`)),
        resume: (name: string) => Promise.resolve(platform.push(`resume ${name}`)),
      },
    }) as unknown as Cluster;
  const context = (): Context => ({
    output: createOutput({ stdout: process.stdout, stderr: process.stderr }, true, {}),
    runner: { run: () => assert.fail('runs no programs'), attach: () => assert.fail('runs no programs') },
    clock: systemClock,
    paths: { cache: directory, state: directory },
    signal: abort.signal,
    env: {},
  });
  const quiet = (): Context => {
    const { output, ...others } = context();
    return { ...others, output: { ...output, event: () => undefined } };
  };
  const seed = (changes: Partial<SeedRequest> = {}): Promise<void> =>
    seedPolicies(cluster(), { ...REQUEST, ...changes }, quiet(), (summary) => told.push(summary));

  test('ends with all of them present; again, it changes nothing; then takes them away', async () => {
    await seed();
    assert.equal(api.names('policies').length, 40);
    assert.deepEqual([last().created, last().unchanged, last().present, last().failed], [40, 0, 40, 0]);
    assert.deepEqual(last().apiservers.after, [2 ** 30]);
    const objects = structuredClone([...api.objects]);
    await seed();
    assert.deepEqual([...api.objects], objects);
    assert.deepEqual([last().created, last().changed, last().unchanged], [0, 0, 40]);
    await seed({ delete: true, count: undefined });
    assert.equal(api.objects.size, 0);
    assert.deepEqual([last().deleted, last().present], [40, 0]);
  });

  test("a policy that Kyverno refuses ends it after a few tries, with Kyverno's own words", async () => {
    let tries = 0;
    const denied =
      'admission webhook "validate-policy.kyverno.svc" denied the request: path: spec.rules[0]: no such kind';
    api.before = (request) => {
      if (!request.endsWith('/policies') || request.startsWith('LIST')) return;
      tries += 1;
      throw new KubeError(request, 400, 'BadRequest', denied);
    };
    await assert.rejects(seed(), (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, 'cluster');
      assert.match(error.what, /^\d of 40 accounts could not be written; stopped/);
      assert.ok(error.why?.startsWith(denied));
      return true;
    });
    assert.ok(tries < 10, `${tries} tries`);
    assert.equal(last().created, 0);
    api.before = () => undefined;
    await seed();
    assert.equal(api.names('policies').length, 40);
  });

  test('some refusals do not stop the others, and end it as incomplete', async () => {
    api.before = (request) => {
      if (/POST .*tool-seed-00\d5\/policies$/.test(request))
        throw new KubeError(request, 400, 'BadRequest', 'no');
    };
    await assert.rejects(seed(), (error: unknown) => error instanceof Failure && error.kind === 'incomplete');
    assert.equal(api.names('policies').length, 36);
    assert.deepEqual([last().created, last().failed], [36, 4]);
  });

  test('interrupted anywhere, it tells how far it came, and goes on from there', async () => {
    for (const at of [3, 10, 30, 30]) {
      abort = new AbortController();
      let requests = 0;
      api.before = () => {
        if ((requests += 1) >= at) abort.abort();
        if (abort.signal.aborted) throw interrupted();
      };
      await assert.rejects(
        seed(),
        (error: unknown) => error instanceof Failure && error.kind === 'interrupted',
      );
      assert.equal(last().present, undefined);
    }
    api.before = () => undefined;
    abort = new AbortController();
    await seed();
    assert.equal(api.names('policies').length, 40);
    assert.deepEqual(
      (await readdir(directory)).filter((file) => file.endsWith('.lock')),
      [],
    );
  });

  test('what vanishes while others are written is written again', async () => {
    let taken = false;
    api.after = (request) => {
      if (taken || !request.includes('tool-seed-0039/policies')) return;
      taken = true;
      api.objects.delete(
        '/apis/kyverno.io/v1/namespaces/tool-seed-0001/policies/toolforge-kyverno-pod-policy',
      );
    };
    await seed();
    assert.equal(api.names('policies').length, 40);
  });

  test('an interrupted deletion is finished before namespaces are made again', async () => {
    await seed();
    await api.request('DELETE', '/api/v1/namespaces/tool-seed-0007');
    setTimeout(() => {
      api.runNamespaceController();
    }, 10);
    await seed();
    assert.equal(api.names('policies').length, 40);
    assert.equal(
      api.objects.get('/api/v1/namespaces/tool-seed-0007')?.metadata?.deletionTimestamp,
      undefined,
    );
  });

  test('cold, it stops admission before it writes and starts it afterwards', async () => {
    api.before = (request) => {
      if (request.startsWith('POST')) assert.deepEqual(platform, ['pause kyverno-admission-controller']);
    };
    await seed({ cold: true });
    assert.deepEqual(platform, ['pause kyverno-admission-controller', 'resume kyverno-admission-controller']);
    platform = [];
    await seed({ cold: true });
    assert.deepEqual(platform, [], 'nothing to write, nothing to stop');
  });

  test('cold and failed, it does not leave admission stopped; killed, the next run starts it', async () => {
    api.before = (request) => {
      if (request.startsWith('POST')) throw new KubeError(request, 403, 'Forbidden', 'no');
    };
    await assert.rejects(seed({ cold: true }), Failure);
    assert.deepEqual(platform.at(-1), 'resume kyverno-admission-controller');
    platform = [];
    api.before = () => undefined;
    await seed({ count: 1 });
    assert.deepEqual(platform, ['resume kyverno-admission-controller'], 'waited for, since nobody had');
    platform = [];
    await seed({ count: 1 });
    assert.deepEqual(platform, []);
  });
});
