import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { KubeClient } from '../../lib/kube/client.ts';
import { KubeError } from '../../lib/kube/errors.ts';
import { pathOf, PODS, POLICIES } from '../../lib/kube/types.ts';
import { freePorts, Rig } from '../rig.ts';
import { attempt, attemptPod, until, openClient } from './attempt.ts';

const NAME = 'pods';
const NAMESPACE = 'tool-seed-0001';
const UID = 60_001;

interface Container {
  readonly name: string;
  readonly securityContext?: object;
}

interface Pod {
  readonly spec: {
    readonly securityContext?: object;
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly ephemeralContainers?: readonly Container[];
  };
}

/** What the mutation makes of a container that says nothing. */
const FILLED = {
  allowPrivilegeEscalation: false,
  privileged: false,
  readOnlyRootFilesystem: false,
  runAsUser: UID,
  runAsGroup: UID,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};
const POD = {
  fsGroup: UID,
  runAsUser: UID,
  runAsGroup: UID,
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const container = (name: string, securityContext?: object): Container & { image: string } => ({
  name,
  image: 'x',
  ...(securityContext === undefined ? {} : { securityContext }),
});

suite('the account policy, enforced by a real Kyverno', () => {
  let rig: Rig;
  let client: KubeClient;

  before(async () => {
    rig = await Rig.create('tla');
    await rig.ok('up', '--name', NAME, ...(await freePorts()));
    await rig.ok('seed-policies', '--name', NAME, '1', '--action', 'Enforce');
    client = await openClient(`${rig.directory(NAME)}/kubeconfig`);
    await until('Kyverno to take up the policy', enforced);
  });
  after(async () => {
    await client.close();
    await rig.dispose(NAME);
  });

  const enforced = async (): Promise<boolean> =>
    (await tryPod({ securityContext: { runAsNonRoot: false } })) instanceof KubeError;
  const tryPod = (spec: object, name?: string, dry = true): Promise<Pod | KubeError> =>
    attemptPod<Pod>(client, NAMESPACE, spec, { keep: !dry, ...(name === undefined ? {} : { name }) });
  const admitted = (answer: Pod | KubeError): Pod['spec'] => {
    if (answer instanceof KubeError) assert.fail(answer.message);
    return answer.spec;
  };

  test('fills in what pods leave open, in every container of every kind', async () => {
    const spec = admitted(
      await tryPod({
        containers: [container('a'), container('b', { runAsUser: UID }), container('c')],
        initContainers: [container('d'), container('e', { capabilities: { add: ['CHOWN'] } })],
      }),
    );
    assert.deepEqual(spec.securityContext, POD);
    for (const { securityContext } of spec.containers) assert.deepEqual(securityContext, FILLED);
    const [d, e] = spec.initContainers ?? [];
    assert.deepEqual(d?.securityContext, FILLED);
    assert.deepEqual(e?.securityContext, { ...FILLED, capabilities: { add: ['CHOWN'], drop: ['ALL'] } });
  });

  test('adds ALL to what is dropped, and leaves a pod alone that says everything itself', async () => {
    const some = { capabilities: { drop: ['NET_RAW', 'SYS_CHROOT'] } };
    const { containers } = admitted(
      await tryPod({ containers: [container('a', some), container('b', FILLED)] }),
    );
    assert.deepEqual(containers[0]?.securityContext, {
      ...FILLED,
      capabilities: { drop: ['NET_RAW', 'SYS_CHROOT', 'ALL'] },
    });
    assert.deepEqual(containers[1]?.securityContext, FILLED);
  });

  const refusals: readonly (readonly [where: string, spec: object])[] = [
    ['/spec/securityContext/runAsNonRoot/', { securityContext: { runAsNonRoot: false } }],
    ['/spec/securityContext/runAsUser/', { securityContext: { runAsUser: 0 } }],
    ['/spec/securityContext/runAsGroup/', { securityContext: { runAsGroup: UID + 1 } }],
    ['/spec/securityContext/fsGroup/', { securityContext: { fsGroup: 0 } }],
    [
      '/spec/securityContext/seccompProfile/type/',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    ],
    ['/spec/containers/1/securityContext/runAsUser/', inContainers({}, { runAsUser: 0 })],
    [
      '/spec/containers/0/securityContext/allowPrivilegeEscalation/',
      inContainers({ allowPrivilegeEscalation: true }),
    ],
    [
      '/spec/containers/0/securityContext/readOnlyRootFilesystem/',
      inContainers({ readOnlyRootFilesystem: true }),
    ],
    [
      '/spec/initContainers/0/securityContext/runAsGroup/',
      { initContainers: [container('i', { runAsGroup: 0 })] },
    ],
  ];
  for (const [where, spec] of refusals) {
    test(`refuses what is wrong at ${where}`, async () => {
      const message = refusal(await tryPod(spec));
      assert.ok(message.includes(`rule toolforge-validate-pod-policy failed at path ${where}`), message);
    });
  }

  test('refuses privileged containers', async () => {
    // Which of the two fields is named is Kyverno's choice.
    const both = inContainers({ privileged: true, allowPrivilegeEscalation: true });
    assert.match(
      refusal(await tryPod(both)),
      /failed at path \/spec\/containers\/0\/securityContext\/(privileged|allowP)/,
    );
  });

  test('covers ephemeral containers', async () => {
    admitted(await tryPod({}, 'guarded', false));
    const [filled] = admitted(await debug('guarded')).ephemeralContainers ?? [];
    assert.deepEqual(filled?.securityContext, FILLED);
    assert.match(
      refusal(await debug('guarded', { runAsUser: 0 })),
      /\/spec\/ephemeralContainers\/0\/securityContext/,
    );
  });

  test('a pod from before the policy is not let through with whatever is added to it', async () => {
    await client.delete(POLICIES, 'toolforge-kyverno-pod-policy', NAMESPACE);
    await until('Kyverno to forget the policy', async () => !(await enforced()));
    admitted(await tryPod({}, 'older', false));
    await rig.ok('seed-policies', '--name', NAME, '1', '--action', 'Enforce');
    await until('Kyverno to take up the policy', enforced);
    assert.match(refusal(await debug('older')), /\/spec\//);
  });

  for (const policy of ['psp', 'toolforge']) {
    test(`each rule of the template ${policy} does what it is for`, async () => {
      await rig.ok('lint-policy', '--name', NAME, '--policy', policy);
    });
  }

  const debug = async (pod: string, securityContext?: object): Promise<Pod | KubeError> => {
    const path = pathOf(PODS, NAMESPACE, pod);
    const found = await client.request<Pod>('GET', path);
    const spec = { ...found.spec, ephemeralContainers: [container('debug', securityContext)] };
    // Without a resourceVersion: scheduler and kubelet write to the pod meanwhile.
    const body = { metadata: { name: pod }, spec };
    return attempt<Pod>(client, { method: 'PUT', path: `${path}/ephemeralcontainers`, body });
  };
});

function inContainers(...contexts: readonly object[]): object {
  return { containers: contexts.map((context, index) => container(`c${index}`, context)) };
}

/** Kyverno's message on one line. */
function refusal(answer: Pod | KubeError): string {
  if (!(answer instanceof KubeError)) assert.fail('it was admitted');
  return (answer.why ?? '').replaceAll(/\s+/g, ' ');
}
