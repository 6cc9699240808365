import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { jobArguments } from '../../../components/workloads/job-arguments.ts';
import { runJobs } from '../../../components/workloads/run-jobs.ts';
import { runWebservice } from '../../../components/workloads/run-webservice.ts';
import type { Session } from '../../../components/workloads/session.ts';
import { webserviceShell } from '../../../components/workloads/shell.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import type { Output } from '../../../lib/output.ts';
import { FakeApi } from './fake-api.ts';

const tool = { name: 'tf-test', namespace: 'tool-tf-test', uid: 50_001, home: '/data/project/tf-test' };
const DEPLOYMENT = '/apis/apps/v1/namespaces/tool-tf-test/deployments/tf-test';
const RUNS = { observedGeneration: 1, updatedReplicas: 1, availableReplicas: 1 };

suite('the commands of tools', () => {
  let api: FakeApi;
  let session: Session;
  let printed: string[];
  let output: Output;
  beforeEach(() => {
    api = new FakeApi();
    api.status = ({ kind }) => (kind === 'Deployment' ? RUNS : kind === 'Job' ? { active: 1 } : undefined);
    let now = 0;
    session = {
      tool,
      client: api,
      generators: { generation: 'explicit', webDomain: 'example.org' },
      clock: {
        now: () => now,
        sleep: (ms) => {
          now += ms;
          return Promise.resolve();
        },
      },
      signal: new AbortController().signal,
    };
    printed = [];
    output = {
      json: false,
      interactive: false,
      print: (line) => printed.push(line),
      note: () => undefined,
      event: () => undefined,
      style: (_, text) => text,
    };
  });
  const webservice = (action: 'start' | 'stop' | 'restart' | 'status', type?: string): Promise<void> =>
    runWebservice({ action, type, defaultType: 'python3.11' }, session, output);
  const jobs = (request: object): Promise<void> => runJobs(jobArguments.parse(request), session, output);

  test('a webservice starts with its Deployment last, and stops with it last', async () => {
    await webservice('start', 'node18');
    assert.deepEqual(api.changes, [
      'PATCH services/tf-test',
      'PATCH ingresses/tf-test-subdomain',
      'PATCH deployments/tf-test',
    ]);
    assert.match(JSON.stringify(api.objects.get(DEPLOYMENT)), /"runAsUser":50001/);
    assert.match(printed.join(), /type node18, at https:\/\/tf-test\.example\.org\//);
    await assert.rejects(webservice('start'), /runs already/);
    await webservice('restart');
    assert.match(JSON.stringify(api.objects.get(DEPLOYMENT)), /toolforge-node18-/);
    api.changes.length = 0;
    await webservice('stop');
    assert.deepEqual(api.changes.at(-1), 'DELETE deployments/tf-test');
    assert.equal(api.objects.size, 0);
    for (const action of ['stop', 'restart'] as const)
      await assert.rejects(webservice(action), /does not run/);
  });

  test('the generation of the cluster decides about the security context', async () => {
    session = { ...session, generators: { generation: 'before', webDomain: 'x' } };
    await webservice('start');
    assert.doesNotMatch(JSON.stringify(api.objects.get(DEPLOYMENT)), /securityContext/);
  });

  test('a Deployment of somebody else is left alone', async () => {
    await jobs({ action: 'run', job: 'tf-test', command: 'x', continuous: true });
    for (const action of ['start', 'stop', 'restart'] as const) {
      await assert.rejects(webservice(action), /is no webservice/);
    }
    await webservice('start').catch(() => undefined);
    assert.deepEqual(api.changes, ['POST deployments/tf-test']);
  });

  test('why there is no pod is said, and what was made stays', async () => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }];
    api.status = () => ({ observedGeneration: 1, conditions });
    await assert.rejects(webservice('start'), /no pod for it: exceeded quota/);
    assert.ok(api.objects.has(DEPLOYMENT));
    await webservice('status');
    assert.match(printed.join('\n'), /has no pod .*\n {2}exceeded quota/);
  });

  test('what takes longer has started all the same', async () => {
    api.status = () => ({ observedGeneration: 1, unavailableReplicas: 1 });
    await webservice('start');
    assert.match(printed.join(), /does not run yet/);
  });

  test('a refused object is a failure of its own, not of the server', async () => {
    api.refuse = (path) => {
      if (path.includes('/jobs/')) throw new KubeError('POST', 403, 'Forbidden', 'exceeded quota: 15');
    };
    await assert.rejects(
      jobs({ action: 'run', job: 'bot', command: 'x' }),
      /The job bot was refused: exceeded quota: 15/,
    );
  });

  test('jobs are run once each, listed without those of CronJobs, and deleted', async () => {
    await jobs({ action: 'run', job: 'a', command: 'x', image: 'node18', mem: '1Gi', retry: '2' });
    await jobs({ action: 'run', job: 'b', command: 'x', schedule: '@daily' });
    await jobs({ action: 'run', job: 'c', command: 'x', continuous: true });
    await assert.rejects(jobs({ action: 'run', job: 'b', command: 'x' }), /a CronJob named b already/);
    const [job] = [...api.objects.values()] as (KubeObject & { spec: { backoffLimit: number } })[];
    assert.equal(job?.spec.backoffLimit, 2);
    assert.match(JSON.stringify(job), /toolforge-node18-sssd-base.*"memory":"1Gi"/);
    const cronJob = api.objects.get('/apis/batch/v1/namespaces/tool-tf-test/cronjobs/b');
    const { jobTemplate } = cronJob?.['spec'] as { jobTemplate: { metadata: object } };
    await api.create(
      { group: 'batch', version: 'v1', plural: 'jobs' },
      { metadata: { ...jobTemplate.metadata, name: 'b-1' } },
      tool.namespace,
    );
    printed = [];
    await jobs({ action: 'list' });
    assert.deepEqual(
      printed.map((line) => line.replaceAll(/ {2,}/g, ' | ')),
      [
        'Job name | Job type | Status',
        'a | one-off | running',
        'b | schedule: @daily | waiting for its time',
        'c | continuous | running',
      ],
    );
    await jobs({ action: 'show', job: 'a' });
    assert.ok(printed.includes('command: x'), printed.join('\n'));
    for (const job of ['a', 'b', 'c']) await jobs({ action: 'delete', job });
    await assert.rejects(jobs({ action: 'delete', job: 'a' }), /There is no job named a/);
  });

  test('a shell takes its pod away again, attached or simulated', async () => {
    let attached: readonly string[] = [];
    const runner = {
      run: () => Promise.reject(new Error('not asked for')),
      attach: (_: string, args: readonly string[]) => {
        attached = args;
        return Promise.resolve(3);
      },
    };
    api.status = () => ({ phase: 'Running', containerStatuses: [{ containerID: 'containerd://1' }] });
    assert.equal(await webserviceShell('python3.11', session, { runner, output }), 3);
    assert.deepEqual(attached.slice(-5), ['attach', '-it', 'shell-0', '-c', 'shell']);
    assert.equal(api.objects.size, 0);
    api.status = () => ({ phase: 'Running', containerStatuses: [{}] });
    await assert.rejects(webserviceShell('python3.11', session, { runner, output }), /simulated/);
    assert.equal(api.objects.size, 0);
    const stopped = { ...session, signal: AbortSignal.abort() };
    await assert.rejects(webserviceShell('python3.11', stopped, { runner, output }), /Interrupted/);
    assert.equal(api.objects.size, 0);
  });
});
