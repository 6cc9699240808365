import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { parseManifests, renderChart, type ChartSource } from '../../../components/kyverno/chart.ts';
import { Failure } from '../../../lib/errors.ts';
import type { Runner, RunOptions } from '../../../lib/run.ts';

/** Stands in for the renderer: notes how it was called and prints what it was told to. */
class FakeRenderer implements Runner {
  readonly calls: { args: readonly string[]; input: string | undefined }[] = [];
  prints = 'kind: Service\nmetadata: {name: kyverno-svc}\n';

  run(_: string, args: readonly string[], options: RunOptions = {}): ReturnType<Runner['run']> {
    this.calls.push({ args, input: options.input });
    return Promise.resolve({ stdout: this.prints, stderr: '', exitCode: 0 });
  }

  attach(): never {
    throw new Error('nothing is attached here');
  }
}

const source: ChartSource = {
  version: '1.18.2',
  kubernetes: '1.33.13',
  directory: '/chart',
  dependencies: ['/kyverno-api.tgz'],
  renderer: '/bin/render-chart',
};

void suite('Kyverno’s chart', () => {
  let cache: string;
  let runner: FakeRenderer;
  const { signal } = new AbortController();

  beforeEach(async () => {
    cache = await mkdtemp(path.join(tmpdir(), 'kc-'));
    runner = new FakeRenderer();
  });
  afterEach(() => rm(cache, { recursive: true, force: true }));

  const render = (values = {}, from = source) =>
    renderChart(from, values, { runner, signal, paths: { cache, state: cache } });

  test('is rendered into its namespace, for the cluster’s Kubernetes, with its subchart', async () => {
    const objects = await render({ admissionController: { replicas: 3 } });
    assert.deepEqual(objects, [{ kind: 'Service', metadata: { name: 'kyverno-svc' } }]);
    const [call] = runner.calls;
    assert.equal(call?.input, '{"admissionController":{"replicas":3}}');
    assert.equal(
      call.args.join(' '),
      '--release kyverno --namespace kyverno --kube-version 1.33.13 --values - --dependency /kyverno-api.tgz /chart',
    );
  });

  test('is rendered once for the same chart and values', async () => {
    const first = await render({ a: 1 });
    assert.deepEqual(await render({ a: 1 }), first);
    assert.equal(runner.calls.length, 1);
    await render({ a: 2 });
    await render({ a: 1 }, { ...source, version: '1.19.0' });
    assert.equal(runner.calls.length, 3);
    assert.equal((await readdir(path.join(cache, 'charts'))).length, 3);
  });

  test('a rendering that is not YAML is a failure, and is not kept', async () => {
    runner.prints = 'kind: [\n';
    await assert.rejects(render(), Failure);
    runner.prints = 'kind: Service\n';
    assert.deepEqual(await render(), [{ kind: 'Service' }]);
  });

  test('Kubernetes 1.24 is passed off as 1.25, which is the lowest that the chart takes', async () => {
    await render({}, { ...source, kubernetes: '1.24.17' });
    assert.ok(runner.calls[0]?.args.includes('1.25.0'));
  });

  test('empty documents, as Helm prints them, are left out', () => {
    assert.deepEqual(parseManifests('---\n# Source: a.yaml\n---\nkind: A\n---\n'), [{ kind: 'A' }]);
  });
});
