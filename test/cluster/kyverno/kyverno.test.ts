import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { connect } from 'node:tls';
import { openCluster } from '../../../cluster/open.ts';
import type { Cluster } from '../../../cluster/provider.ts';
import {
  canaryPolicy,
  CANARY_NAMESPACE,
  createCanary,
  removeCanary,
  tryPod,
} from '../../../components/kyverno/canary.ts';
import { haproxyDirectory, haproxyStatus } from '../../../components/haproxy/index.ts';
import { CONTROLLERS, kyvernoStatus } from '../../../components/kyverno/index.ts';
import type { Context } from '../../../lib/context.ts';
import { systemClock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { isNotFound } from '../../../lib/kube/errors.ts';
import { CLUSTER_ROLES, LEASES, NAMESPACES, POLICIES } from '../../../lib/kube/types.ts';
import { waitFor } from '../../../lib/wait.ts';
import { freePorts, Rig, type Event } from '../../rig.ts';
import { quietContext } from '../context.ts';
import { listeningAddresses } from './sockets.ts';

const NAME = 'ky';

suite('Kyverno on plain processes, two admission replicas', () => {
  let rig: Rig;
  let ports: string[];
  let cluster: Cluster;
  let client: KubeClient;
  let context: Context;

  before(async () => {
    rig = await Rig.create('tlk');
    ports = await freePorts();
    await up();
    context = quietContext(path.dirname(rig.directory(NAME)));
    cluster = await openCluster(NAME, context);
    client = await cluster.client();
  });
  after(async () => {
    await client.close();
    await rig.dispose(NAME);
  });

  const up = (): Promise<Event[]> => rig.events('up', '--name', NAME, '--kyverno-replicas', '2', ...ports);
  const until = (what: string, holds: () => Promise<boolean>): Promise<true> =>
    waitFor(what, async () => ((await holds()) ? true : undefined), { ...context, timeoutMs: 60_000 });
  const resultOf = (events: readonly Event[], id: string): unknown =>
    events.find((event) => event.event === 'step.done' && event['id'] === id)?.['result'];
  const processes = async (): Promise<Map<string, number>> => {
    const states = await cluster.supervisor.status();
    return new Map(
      states.flatMap(({ name, pid }) =>
        name.startsWith('kyverno-') && pid !== undefined ? [[name, pid] as const] : [],
      ),
    );
  };

  test('is whole, and nothing of the canary is left', async () => {
    const status = await kyvernoStatus(cluster, client, systemClock);
    assert.equal(status.ready, true);
    assert.equal(status.version, cluster.profile.kyverno);
    assert.deepEqual(
      status.controllers.map(({ name, replicas }) => [name, replicas.length]),
      CONTROLLERS.map(({ deployment }, index) => [deployment, index === 0 ? 2 : 1]),
    );
    assert.deepEqual(await client.list(POLICIES, { namespace: CANARY_NAMESPACE }), []);
    await until('the canary’s namespace to be gone', () =>
      client.get(NAMESPACES, CANARY_NAMESPACE).then(() => false, isNotFound),
    );
  });

  test(
    'listens for webhooks, on loopback, and for nothing else',
    { skip: process.platform !== 'linux' },
    async () => {
      const served = cluster.platform.balancedServices.flatMap(({ servers }) =>
        servers.map(({ host, port }) => `${host}:${port}`),
      );
      const listening = await Promise.all([...(await processes()).values()].map(listeningAddresses));
      assert.deepEqual(listening.flat().sort(), [...served].sort());
    },
  );

  test('every webhook points at HAProxy', async () => {
    const resource = { group: 'admissionregistration.k8s.io', version: 'v1' };
    const configurations = [
      ...(await client.list<Configuration>({ ...resource, plural: 'mutatingwebhookconfigurations' })),
      ...(await client.list<Configuration>({ ...resource, plural: 'validatingwebhookconfigurations' })),
    ];
    const urls = configurations.flatMap(({ webhooks }) =>
      (webhooks ?? []).map(({ clientConfig }) => new URL(clientConfig.url ?? '').host),
    );
    const fronts = cluster.platform.balancedServices.map(({ port }) => `127.0.0.1:${port}`);
    assert.deepEqual([...new Set(urls)].sort(), fronts.sort());
  });

  test('`up` again applies and restarts nothing, and tries no pod', async () => {
    const before = await processes();
    const events = await up();
    assert.deepEqual(await processes(), before);
    assert.equal(resultOf(events, 'kyverno.objects'), 'unchanged');
    assert.equal(resultOf(events, 'kyverno.ready'), 'webhooks answer');
  });

  test('`up` brings back what somebody deleted, and only that', async () => {
    await client.delete(CLUSTER_ROLES, 'kyverno:reports-controller');
    assert.match(String(resultOf(await up(), 'kyverno.objects')), /^1 of \d+ applied$/);
    await client.get(CLUSTER_ROLES, 'kyverno:reports-controller');
  });

  test('a policy goes on being enforced while one of its replicas is killed, time and again', async () => {
    await createCanary(client, context);
    await until('the policy to be in force', async () => (await tryPod(client, 'refuse')) === 'refused');
    const service = cluster.platform.balancedServices.find(({ name }) => name === 'kyverno-svc');
    assert.equal(service?.servers.length, 2);
    for (const [index, { port }] of service.servers.entries()) {
      const replica = `kyverno-admission-controller-${index + 1}`;
      const pid = (await processes()).get(replica);
      assert.ok(pid !== undefined);
      process.kill(pid, 'SIGKILL');
      // While the kernel takes its memory apart, it still accepts connections, and resets them in the end.
      await until('the process to be gone', () => Promise.resolve(!existsSync(`/proc/${pid}`)));
      for (let count = 0; count < 20; count += 1) {
        assert.equal(await judged(client, 'refuse'), 'refused', `${replica} killed, attempt ${count}`);
        assert.equal(await judged(client, 'accept'), 'accepted', `${replica} killed, attempt ${count}`);
      }
      // HAProxy may not have noticed yet that it was gone: what it says counts once the new process answers.
      await until('the replica to answer again', async () => {
        const successor = (await processes()).get(replica);
        return successor !== undefined && successor !== pid && (await answersTls(port));
      });
      await until('the replica to take part again', async () => {
        const { backends } = await haproxyStatus(haproxyDirectory(cluster));
        const servers = backends.find(({ name }) => name === 'kyverno-svc')?.servers ?? [];
        return servers.every(
          ({ state, lastCheck }) => state === 'up' && lastCheck?.startsWith('L7OK') === true,
        );
      });
    }
    await removeCanary(client);
  });

  test('after a stop of hours, pods are judged as soon as `up` ends', async () => {
    // The namespace of the test before goes at its own pace.
    await until('the namespace to be gone', () =>
      client.get(NAMESPACES, CANARY_NAMESPACE).then(() => false, isNotFound),
    );
    await createCanary(client, context);
    await until('the policy to be in force', async () => (await tryPod(client, 'refuse')) === 'refused');
    await cluster.platform.pause('kyverno-admission-controller');
    const lastRequest = new Date(Date.now() - 3_600_000).toISOString();
    const lease = { name: 'kyverno-health', annotations: { 'kyverno.io/last-request-time': lastRequest } };
    await client.apply(
      LEASES,
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: lease },
      'kyverno',
    );
    await up();
    assert.equal(await tryPod(client, 'refuse'), 'refused');
    assert.deepEqual((await kyvernoStatus(cluster, client, systemClock)).webhooks.bypassed, []);
    await removeCanary(client);
  });

  test('new policies are accepted with the leader gone', async () => {
    const { spec } = await client.get<Lease>(LEASES, 'kyverno', 'kyverno');
    const leader = (await processes()).get(spec.holderIdentity);
    assert.ok(leader !== undefined, spec.holderIdentity);
    process.kill(leader, 'SIGKILL');
    const policy = canaryPolicy();
    const inDefault = { ...policy, metadata: { ...policy.metadata, namespace: 'default' } };
    await client.create(POLICIES, inDefault, 'default');
    await client.delete(POLICIES, 'canary', 'default');
  });
});

interface Configuration {
  readonly webhooks?: readonly { readonly clientConfig: { readonly url?: string } }[];
}

interface Lease {
  readonly spec: { readonly holderIdentity: string };
  readonly [field: string]: unknown;
}

/** Whether a TLS handshake with a port of loopback succeeds. */
function answersTls(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    // Its certificate is for the name of a Service; whose it is does not matter here.
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    const end = (answered: boolean) => (): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('secureConnect', end(true)).once('error', end(false)).once('close', end(false));
  });
}

/** One connection for the webhook that mutates, one for the webhook that validates. */
const CONNECTIONS = 2;

/**
 * What becomes of a pod. The API server's own connections to the replica that was killed break under the requests of that
 * moment, which it fails without asking another replica, as with a Service of pods: as many may be tried again.
 */
async function judged(client: KubeClient, label: 'refuse' | 'accept'): ReturnType<typeof tryPod> {
  for (let broken = 0; broken < CONNECTIONS; broken += 1) {
    const verdict = await tryPod(client, label);
    if (verdict !== 'no answer') return verdict;
  }
  return tryPod(client, label);
}
