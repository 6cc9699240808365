import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { EXPLAINED } from '../../../lab/parity/explained.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import {
  DEPLOYMENTS,
  pathOf,
  POD_SECURITY_POLICIES,
  PODS,
  POLICIES,
  type KubeObject,
} from '../../../lib/kube/types.ts';
import { freePorts, Rig, type Event } from '../../rig.ts';
import { attempt, attemptPod, until, openClient } from '../attempt.ts';

const NAME = 'before';
const TOOL = 'tf-test';
const NAMESPACE = `tool-${TOOL}`;
const UID = 50_001;
const TEMPLATE = path.join(import.meta.dirname, '../../../components/kyverno/policies/toolforge.yaml');
/** Each field of the PodSecurityPolicy must have refused some pod, or the run proves nothing about it. */
const FIELDS = [
  'fsGroup',
  'supplementalGroups',
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'sysctls',
  'volumes',
  'pathPrefix',
  'volumeMounts',
  'runAsUser',
  'containers\\[\\*\\]\\.securityContext$', // where PodSecurityPolicy reports runAsGroup
  'seccomp',
  'privileged',
  'procMount',
  'capabilities',
  'hostPort',
  'allowPrivilegeEscalation',
];

interface Pod extends KubeObject {
  readonly spec: {
    readonly securityContext?: Readonly<Record<string, unknown>>;
    readonly containers: readonly { readonly securityContext?: Readonly<Record<string, unknown>> }[];
  };
}

suite('the world before the migration: Kubernetes 1.24, PodSecurityPolicy, Kyverno 1.12', () => {
  let rig: Rig;
  let admin: KubeClient;
  let tool: KubeClient;
  let ports: string[];

  const up = (...more: string[]): Promise<Event[]> =>
    rig.events('up', '--name', NAME, '--profile', '2024', ...ports, ...more);
  const open = (...file: string[]): Promise<KubeClient> =>
    openClient(path.join(rig.directory(NAME), ...file));
  const tryPod = (spec: object, name?: string, dry = true): Promise<Pod | KubeError> =>
    attemptPod<Pod>(tool, NAMESPACE, spec, { keep: !dry, ...(name === undefined ? {} : { name }) });
  const admitted = (answer: Pod | KubeError): Pod => {
    if (answer instanceof KubeError) assert.fail(answer.message);
    return answer;
  };
  const debug = async (pod: string, securityContext: object): Promise<Pod | KubeError> => {
    const where = pathOf(PODS, NAMESPACE, pod);
    const found = await admin.request<Pod>('GET', where);
    const ephemeralContainers = [{ name: 'debug', image: 'x', securityContext }];
    const body = { metadata: { name: pod }, spec: { ...found.spec, ephemeralContainers } };
    return attempt<Pod>(admin, { method: 'PUT', path: `${where}/ephemeralcontainers`, body });
  };
  /** The policies of tools: those of the oracle and the lint go with their namespaces, which takes a while. */
  const tools = async (): Promise<(KubeObject & { spec: { validationFailureAction: string } })[]> => {
    const all = await admin.list<KubeObject & { spec: { validationFailureAction: string } }>(POLICIES);
    return all.filter(({ metadata }) => metadata?.namespace?.startsWith('tool-'));
  };
  const refusedByKyverno = async (spec: object): Promise<boolean> => {
    const answer = await tryPod(spec);
    return answer instanceof KubeError && /kyverno/.test(answer.message);
  };

  before(async () => {
    rig = await Rig.create('tlb');
    ports = await freePorts();
    await up();
    admin = await open('kubeconfig');
    tool = await open('data', 'project', TOOL, '.kube', 'config');
  });
  after(async () => {
    await tool.close();
    await admin.close();
    await rig.dispose(NAME, 'after');
  });

  test('each tool has its PodSecurityPolicy, and no policy of Kyverno’s', async () => {
    const names = (await admin.list<KubeObject>(POD_SECURITY_POLICIES))
      .map(({ metadata }) => metadata?.name)
      .sort();
    assert.deepEqual(names, [
      'privileged-psp',
      'tool-fourohfour-psp',
      'tool-tf-test-psp',
      'tool-tf-test2-psp',
    ]);
    assert.deepEqual(await tools(), []);
    const status = (await rig.events('status', '--name', NAME)).find(({ event }) => event === 'status');
    assert.equal(status?.['healthy'], true);
  });

  test('`up` again changes nothing', async () => {
    const results = (await up())
      .filter(({ event }) => event === 'step.done')
      .map(({ result }) => String(result));
    assert.ok(results.includes('unchanged, 4 accounts ready'), results.join('\n'));
  });

  test('a tool’s pod is filled in and confined by its own PodSecurityPolicy', async () => {
    const { metadata, spec } = admitted(await tryPod({}));
    assert.equal(metadata?.annotations?.['kubernetes.io/psp'], 'tool-tf-test-psp');
    assert.deepEqual(spec.securityContext, {
      fsGroup: UID,
      supplementalGroups: [1],
      seccompProfile: { type: 'RuntimeDefault' },
    });
    assert.deepEqual(spec.containers[0]?.securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsUser: UID,
      runAsGroup: UID,
    });
    const refused = await tryPod({ hostNetwork: true });
    assert.ok(refused instanceof KubeError && /PodSecurityPolicy: unable to admit pod/.test(refused.message));
  });

  test('pods that controllers make for a tool may use its PodSecurityPolicy too', async () => {
    const labels = { name: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'x' }] } };
    const deployment = { metadata: { name: 'web' }, spec: { selector: { matchLabels: labels }, template } };
    await tool.create(DEPLOYMENTS, deployment, NAMESPACE);
    const pods = (): Promise<Pod[]> =>
      admin.list<Pod>(PODS, { namespace: NAMESPACE, labelSelector: 'name=web' });
    await until('the pod of the Deployment', async () => (await pods()).length === 1);
    const [pod] = await pods();
    assert.equal(pod?.metadata?.annotations?.['kubernetes.io/psp'], 'tool-tf-test-psp');
    await tool.delete(DEPLOYMENTS, 'web', NAMESPACE);
  });

  test('1,000 generated pods and the fixtures fare the same under the policy `psp`', async () => {
    const events = await rig.events('parity', '--name', NAME, '--pods', '1000', '--seed', '2024');
    const report = events.find(({ event }) => event === 'parity');
    assert.deepEqual(report?.['differences'], {});
    assert.ok(Number(report['admitted']) > 300 && Number(report['refused']) > 400, JSON.stringify(report));
    const reasons = Object.keys(report['reasons'] as object).join('\n');
    for (const field of FIELDS)
      assert.match(reasons, new RegExp(field, 'm'), `no pod was refused for ${field}`);
    const known = EXPLAINED.map(({ id }) => id);
    for (const id of Object.keys(report['explained'] as object)) assert.ok(known.includes(id), id);
  });

  test('PodSecurityPolicy never looked at ephemeral containers; the policy does', async () => {
    admitted(await tryPod({}, 'guarded', false));
    admitted(await debug('guarded', { runAsUser: 0 }));
    await up('--account-policy', 'psp', '--policy-action', 'Enforce');
    await until('the policy to be in force', async () => {
      const answer = await debug('guarded', { runAsUser: 0 });
      return answer instanceof KubeError && answer.message.includes(`runAsUser must be ${UID}`);
    });
    const { ephemeralContainers } = admitted(await debug('guarded', {})).spec as unknown as {
      ephemeralContainers: readonly { securityContext: unknown }[];
    };
    assert.deepEqual(ephemeralContainers[0]?.securityContext, {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsUser: UID,
      runAsGroup: UID,
    });
  });

  test('production’s policy, enforced: a change goes through all accounts', async () => {
    await up('--account-policy', 'toolforge');
    const policies = await tools();
    assert.deepEqual(
      policies.map(({ spec }) => spec.validationFailureAction),
      ['Enforce', 'Enforce', 'Enforce'],
    );
    await until('the policy to be in force', () =>
      refusedByKyverno({ securityContext: { runAsNonRoot: false } }),
    );
    const { spec } = admitted(await tryPod({}));
    assert.equal(spec.securityContext?.['runAsNonRoot'], true);
    assert.equal(spec.containers[0]?.securityContext?.['runAsNonRoot'], true);
    const added = await debug('guarded', { runAsUser: 0 });
    assert.ok(added instanceof KubeError && /kyverno/.test(added.message), 'an ephemeral container as root');
    admitted(await debug('guarded', {}));
  });

  for (const policy of ['psp', 'toolforge']) {
    test(`each rule of the template ${policy} does what it is for`, async () => {
      await rig.ok('lint-policy', '--name', NAME, '--policy', policy);
    });
  }

  test('the template of 2024 is stopped before it is applied, and the right value named', async () => {
    const file = path.join(rig.state, 'edited.yaml');
    const text = await readFile(TEMPLATE, 'utf8');
    await writeFile(
      file,
      text.replace(
        '+(privileged): false',
        '+(privileged): false\n+(procMount): DefaultProcMount'.replace(/\n/, `\n${' '.repeat(22)}`),
      ),
    );
    const { exitCode, stdout } = await rig.run('lint-policy', '--name', NAME, '--file', file);
    assert.equal(exitCode, 2);
    assert.match(
      stdout,
      /containers\[\*\]\.securityContext\.procMount: "DefaultProcMount" is not a value .*; Default was meant\?/,
    );
  });

  test('Kyverno 1.18 on Kubernetes 1.33 does to pods what PodSecurityPolicy did', async () => {
    const file = path.join(rig.state, 'psp.jsonl');
    await rig.ok('parity', '--name', NAME, '--pods', '300', '--record', file);
    await rig.ok('up', '--name', 'after', ...(await freePorts()));
    const events = await rig.events('parity', '--name', 'after', '--recorded', file);
    const report = events.find(({ event }) => event === 'parity');
    assert.deepEqual(report?.['differences'], {});
    assert.ok(Number(report['pods']) >= 400 && Number(report['admitted']) > 100, JSON.stringify(report));
  });

  test('`none` takes the policies away again', async () => {
    await up('--account-policy', 'none');
    assert.deepEqual(await tools(), []);
    await until('the policy to be forgotten', async () => !(await refusedByKyverno({ hostNetwork: true })));
    assert.equal(admitted(await tryPod({})).spec.securityContext?.['runAsNonRoot'], undefined);
  });
});
