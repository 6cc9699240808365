import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { writeGeneration } from '../../components/workloads/index.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/errors.ts';
import { PODS, type KubeObject } from '../../lib/kube/types.ts';
import { freePorts, outcome, Rig, type CommandResult } from '../rig.ts';
import { until, openClient } from './attempt.ts';

const NAME = 'work';
const TOOL = 'tf-test';
const NAMESPACE = `tool-${TOOL}`;
const UID = 50_001;
const ROOT = path.join(import.meta.dirname, '../..');
const DEPLOYMENT = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${TOOL}`;

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly securityContext?: object;
        readonly containers: readonly { readonly securityContext?: object }[];
      };
    };
  };
}

suite('webservice and toolforge-jobs inside `become`', () => {
  let rig: Rig;
  let admin: KubeClient;

  before(async () => {
    rig = await Rig.create('tlw');
    await rig.ok('up', '--name', NAME, ...(await freePorts()));
    admin = await openClient(path.join(rig.directory(NAME), 'kubeconfig'));
  });
  after(async () => {
    await admin.close();
    await rig.dispose(NAME);
  });

  const become = (...args: string[]): Promise<CommandResult> =>
    rig.run('become', '--name', NAME, TOOL, '--', ...args);
  const said = ({ stdout, stderr }: CommandResult): string => stdout + stderr;
  const expect = async (exitCode: number, message: RegExp, ...args: string[]): Promise<void> => {
    const result = await become(...args);
    assert.match(said(result), message);
    assert.equal(result.exitCode, exitCode, said(result));
  };
  const template = async (): Promise<Deployment['spec']['template']['spec']> =>
    (await admin.request<Deployment>('GET', DEPLOYMENT)).spec.template.spec;

  test('a webservice starts, is there as production has it, and stops', async () => {
    await expect(0, /does not run/, 'webservice', 'status');
    await expect(0, /Started .*python3\.11/, 'webservice', '--backend=kubernetes', 'python3.11', 'start');
    const { securityContext, containers } = await template();
    const own = { runAsUser: UID, runAsGroup: UID, runAsNonRoot: true };
    assert.deepEqual(securityContext, { fsGroup: UID, ...own, seccompProfile: { type: 'RuntimeDefault' } });
    assert.deepEqual(containers[0]?.securityContext, {
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: false,
      ...own,
      capabilities: { drop: ['ALL'] },
    });
    await admin.request('GET', `/api/v1/namespaces/${NAMESPACE}/services/${TOOL}`);
    const ingress = await admin.request(
      'GET',
      `/apis/networking.k8s.io/v1/namespaces/${NAMESPACE}/ingresses/${TOOL}-subdomain`,
    );
    assert.match(JSON.stringify(ingress), /"host":"tf-test\.toolforge\.local"/);
    const pods = await admin.list<KubeObject & { status: { phase: string } }>(PODS, { namespace: NAMESPACE });
    assert.deepEqual(
      pods.map(({ status }) => status.phase),
      ['Running'],
    );
    await expect(0, /type python3\.11, runs/, 'webservice', 'status');
    await expect(4, /runs already/, 'webservice', 'start');

    await writeGeneration(rig.directory(NAME), 'before');
    await expect(0, /Started/, 'webservice', 'restart');
    assert.deepEqual((await template()).securityContext, {}); // the API server's default
    await writeGeneration(rig.directory(NAME), 'explicit');

    await expect(0, /Stopped/, 'webservice', 'stop');
    await assert.rejects(admin.request('GET', DEPLOYMENT), isNotFound);
    await expect(4, /does not run/, 'webservice', 'stop');
  });

  test('an open session sees a new generation', async () => {
    const script = 'cat "$TOOLFORGE_LOCAL_GENERATORS"; read -r _; cat "$TOOLFORGE_LOCAL_GENERATORS"';
    const file = path.join(ROOT, 'scripts/become.ts');
    const child = spawn(process.execPath, [file, '--name', NAME, TOOL, '--', '/bin/sh', '-c', script], {
      env: { ...process.env, XDG_STATE_HOME: rig.state },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdout.once('data', () => {
      void writeGeneration(rig.directory(NAME), 'before').then(() => child.stdin.end('\n'));
    });
    const { stdout } = await outcome(child);
    await writeGeneration(rig.directory(NAME), 'explicit');
    assert.deepEqual(stdout.match(/explicit|before/g), ['explicit', 'before']);
  });

  test('jobs run once, at times and for ever; each is listed and deleted', async () => {
    const run = ['toolforge-jobs', 'run'];
    await expect(0, /ended well/, ...run, 'once', '--command', 'true', '--wait', '60');
    await expect(0, /Scheduled/, ...run, 'often', '--command', 'true', '--schedule', '17 * * * *');
    await expect(0, /Started/, ...run, 'ever', '--command', './x', '--continuous');
    await expect(4, /named ever already/, ...run, 'ever', '--command', './x', '--continuous');
    const { stdout } = await become('toolforge-jobs', 'list');
    assert.match(stdout, /^ever +continuous +running$/m);
    assert.match(stdout, /^often +schedule: 17 \* \* \* \* +waiting for its time$/m);
    await expect(0, /Deleted/, 'toolforge-jobs', 'delete', 'often');
    await expect(0, /Deleted/, 'toolforge-jobs', 'delete', 'ever');
    await expect(4, /no job named ever/, 'toolforge-jobs', 'delete', 'ever');
    await expect(2, /--schedule must have five fields/, ...run, 'a', '--command', 'x', '--schedule', 'often');
  });

  test('why a job has no pod is said', async () => {
    await expect(
      4,
      /maximum memory usage per Container is 4Gi/,
      'toolforge-jobs',
      'run',
      'big',
      '--command',
      'x',
      '--mem',
      '5Gi',
    );
    await expect(0, /Deleted/, 'toolforge-jobs', 'delete', 'big');
  });

  test('a shell says that pods are simulated, and leaves none behind', async () => {
    await expect(3, /pods are simulated/, 'webservice', 'shell');
    await until('the pod to be gone', async () => {
      const pods = await admin.list<KubeObject>(PODS, { namespace: NAMESPACE });
      return !pods.some(({ metadata }) => metadata?.name?.startsWith('shell-'));
    });
  });

  test('outside of `become` they say where they belong', async () => {
    for (const [command, action] of [
      ['webservice', 'status'],
      ['toolforge-jobs', 'list'],
    ] as const) {
      const result = await rig.run(command, action);
      assert.equal(result.exitCode, 2);
      assert.match(result.stderr, /Run it inside `become TOOL`/);
    }
  });

  test('the checkout may be where the tool cannot go', async () => {
    const closed = await mkdtemp(path.join(rig.state, 'closed-')); // mode 0700
    const checkout = path.join(closed, 'checkout');
    await mkdir(checkout);
    for (const name of ['scripts', 'components', 'cluster', 'lib', 'package.json']) {
      await cp(path.join(ROOT, name), path.join(checkout, name), { recursive: true });
    }
    await symlink(path.join(ROOT, 'node_modules'), path.join(checkout, 'node_modules'));
    const args = [
      path.join(checkout, 'scripts/become.ts'),
      '--name',
      NAME,
      TOOL,
      '--',
      'webservice',
      'status',
    ];
    const env = { ...process.env, XDG_STATE_HOME: rig.state };
    const result = await outcome(spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    await rm(closed, { recursive: true });
    assert.equal(result.exitCode, 0, said(result));
    assert.match(result.stdout, /does not run/);
  });
});
