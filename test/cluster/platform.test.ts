import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parse } from 'yaml';
import { systemClock } from '../../lib/clock.ts';
import { KubeClient } from '../../lib/kube/client.ts';
import { xdgPaths } from '../../lib/paths.ts';
import { waitFor } from '../../lib/wait.ts';
import { freePorts, Rig, type Event } from '../rig.ts';

const NAME = 'plat';

interface Processes {
  readonly [service: string]: number | undefined;
}

suite('a whole cluster on plain processes', () => {
  let rig: Rig;
  let ports: string[];
  const userConfig = 'apiVersion: v1\nkind: Config\ncurrent-context: production\n';

  before(async () => {
    ports = await freePorts();
    rig = await Rig.create('tlp');
    await writeFile(path.join(rig.state, 'user-kubeconfig'), userConfig);
  });
  after(() => rig.dispose(NAME));

  const status = (): Promise<Event> => rig.status(NAME);
  const processes = async (): Promise<Processes> => {
    const { machines } = (await status()) as unknown as {
      machines: { processes: { name: string; pid?: number }[] }[];
    };
    return Object.fromEntries(
      machines.flatMap((machine) => machine.processes.map(({ name, pid }) => [name, pid])),
    );
  };
  const kubectl = async (...args: string[]): Promise<string> =>
    (await rig.ok('kubectl', '--name', NAME, ...args)).stdout;
  const healthy = (): Promise<true> =>
    waitFor(
      'the cluster to be healthy',
      async () => ((await status())['healthy'] === true ? true : undefined),
      {
        clock: systemClock,
        signal: new AbortController().signal,
        timeoutMs: 120_000,
        maxPauseMs: 1_000,
      },
    );

  test('`up` says what it does and ends with a healthy cluster', async () => {
    const events = await rig.events('up', '--name', NAME, ...ports);
    const failed = events.filter(({ event }) => event === 'step.failed');
    assert.deepEqual(failed, []);
    assert.ok(events.some(({ event }) => event === 'ready'));
    assert.equal((await status())['healthy'], true);
    assert.match(await kubectl('get', 'nodes'), new RegExp(`${NAME}-worker-1 +Ready`));
  });

  test('`up` again restarts nothing', async () => {
    const pids = await processes();
    await rig.ok('up', '--name', NAME, ...ports);
    assert.deepEqual(await processes(), pids);
  });

  test('its state is readable for its owner only', async () => {
    for (const file of ['', 'pki', 'kubeconfig', 'pki/ca.key']) {
      const { mode } = await stat(path.join(rig.directory(NAME), file));
      assert.equal(mode & 0o077, 0, file);
    }
  });

  test('Kyverno refuses what a policy forbids, through the API', async () => {
    await kubectl('create', 'namespace', 'refusal');
    const policy = path.join(rig.state, 'policy.yaml');
    await writeFile(
      policy,
      `apiVersion: kyverno.io/v1
kind: Policy
metadata: {name: no-host-network, namespace: refusal}
spec:
  validationFailureAction: Enforce
  rules:
    - name: no-host-network
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate:
        message: host network is not for tools
        pattern: {spec: {'=(hostNetwork)': false}}
`,
    );
    await kubectl('apply', '-f', policy);
    const pod = (hostNetwork: boolean): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `pod-${String(hostNetwork)}`, namespace: 'refusal' },
        spec: { hostNetwork, containers: [{ name: 'c', image: 'example' }] },
      });
    const file = path.join(rig.state, 'pod.json');
    await writeFile(file, pod(false));
    await kubectl('create', '-f', file);
    await writeFile(file, pod(true));
    await waitFor(
      'the policy to be in force',
      async () => {
        const { stderr, exitCode } = await rig.run(
          'kubectl',
          '--name',
          NAME,
          'create',
          '-f',
          file,
          '--dry-run=server',
        );
        return exitCode !== 0 && stderr.includes('host network is not for tools') ? true : undefined;
      },
      { clock: systemClock, signal: new AbortController().signal, timeoutMs: 20_000 },
    );
  });

  test('a killed API server is started again', async () => {
    const { 'kube-apiserver-1': pid } = await processes();
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    await healthy();
    assert.notEqual((await processes())['kube-apiserver-1'], pid);
  });

  test('no node was taken for dead meanwhile: KWOK renews a lease for each', async () => {
    assert.match(await kubectl('get', 'leases', '-n', 'kube-node-lease'), new RegExp(`${NAME}-worker-4`));
    const events = await kubectl(
      'get',
      'events',
      '-A',
      '--field-selector',
      'reason=NodeNotReady',
      '-o',
      'name',
    );
    assert.equal(events, '');
  });

  test('`snapshot` saves what the cluster knows, accounts included, and goes back to it', async () => {
    await rig.ok('seed-accounts', '--name', NAME, '3', '--prefix', 'kept');
    await rig.ok('snapshot', '--name', NAME, 'save', 'one');
    const home = path.join(rig.directory(NAME), 'data', 'project', 'kept-0001');
    const { mode, uid } = await stat(home);
    await rig.ok('seed-accounts', '--name', NAME, '--delete', '--prefix', 'kept');
    await rig.ok('seed-accounts', '--name', NAME, '3', '--prefix', 'later');
    await writeFile(path.join(home, 'later'), '');
    await rig.ok('snapshot', '--name', NAME, 'restore', 'one');
    const namespaces = await kubectl('get', 'namespaces');
    assert.match(namespaces, /refusal/);
    assert.match(namespaces, /tool-kept-0001 +Active/);
    assert.doesNotMatch(namespaces, /tool-later/);
    const restored = await stat(home);
    assert.deepEqual([restored.mode, restored.uid], [mode, uid]);
    await assert.rejects(stat(path.join(home, 'later')), { code: 'ENOENT' });
    // Its accounts are LDAP's again too: they stay, and they work.
    assert.equal((await status())['healthy'], true);
    const { stdout } = await rig.ok('become', '--name', NAME, 'kept-0001', '--', 'kubectl', 'get', 'quota');
    assert.match(stdout, /tool-kept-0001/);

    const again = await rig.run('snapshot', '--name', NAME, 'save', 'one');
    assert.equal(again.exitCode, 2);
    assert.match((await rig.ok('snapshot', '--name', NAME)).stdout, /^one +20\d\d-/m);
    await rig.ok('snapshot', '--name', NAME, 'delete', 'one');
    const gone = await rig.run('snapshot', '--name', NAME, 'restore', 'one');
    assert.equal(gone.exitCode, 2);
    assert.match(gone.stderr, /no snapshot named one/);
  });

  test('`reset` goes back to the fresh cluster', async () => {
    await rig.ok('reset', '--name', NAME);
    assert.doesNotMatch(await kubectl('get', 'namespaces'), /refusal/);
    assert.equal((await status())['healthy'], true);
  });

  test('a foreign cluster in KUBECONFIG is never written to, and never merged into unasked', async () => {
    const file = path.join(rig.state, 'user-kubeconfig');
    const before = await stat(file);
    // Another home, but the same cache: it would all be built anew.
    const cache = path.dirname(xdgPaths(process.env).cache);
    const other = await Rig.create('tlk', {
      KUBECONFIG: file,
      HOME: rig.state,
      XDG_CACHE_HOME: cache,
      XDG_STATE_HOME: rig.state,
    });
    await other.ok('kubectl', '--name', NAME, 'get', 'namespaces');
    await other.ok('up', '--name', NAME, ...ports);
    assert.equal(await readFile(file, 'utf8'), userConfig);
    assert.equal((await stat(file)).mtimeMs, before.mtimeMs);
  });

  test('refuses a cluster whose marker is not ours', async () => {
    await kubectl(
      'patch',
      'configmap',
      '-n',
      'kube-system',
      'toolforge-local',
      '--patch',
      '{"data":{"id":"another"}}',
    );
    const refused = await rig.run('kubectl', '--name', NAME, 'get', 'namespaces');
    assert.equal(refused.exitCode, 6);
    assert.match(refused.stderr, /is not the one recorded/);
    const { id } = await rig.record(NAME);
    // The admin kubeconfig goes past the check: the marker is put back with it.
    const credentials = await readFile(path.join(rig.directory(NAME), 'kubeconfig'), 'utf8');
    const config = parse(credentials) as {
      clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
      users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
    };
    const decode = (text: string): string => Buffer.from(text, 'base64').toString();
    const client = new KubeClient({
      clock: systemClock,
      credentials: {
        server: config.clusters[0].cluster.server,
        ca: decode(config.clusters[0].cluster['certificate-authority-data']),
        certificate: decode(config.users[0].user['client-certificate-data']),
        key: decode(config.users[0].user['client-key-data']),
      },
    });
    await client.request('PATCH', '/api/v1/namespaces/kube-system/configmaps/toolforge-local', {
      body: { data: { id } },
      contentType: 'application/merge-patch+json',
    });
    await client.close();
    await rig.ok('kubectl', '--name', NAME, 'get', 'namespaces');
  });

  test('what cannot be changed on a living cluster, and a taken port, are refused with what to do', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await rig.run(
      'up',
      '--name',
      NAME,
      '--api-port',
      String(taken),
      '--stats-port',
      ports[3] ?? '',
    );
    server.close();
    assert.equal(result.exitCode, 3);
    assert.match(result.stderr, new RegExp(`Port ${taken} is taken`));
    assert.match(result.stderr, /--api-port/);
    const unknown = await rig.run('up', '--name', NAME, '--profile', 'nonesuch');
    assert.equal(unknown.exitCode, 2);
    assert.match(unknown.stderr, /Profiles: .*current/);
  });

  test('a changed flag converges: the health check of before the outage', async () => {
    await rig.ok('up', '--name', NAME, ...ports, '--health-check', 'tcp');
    const config = await readFile(path.join(rig.directory(NAME), 'haproxy', 'haproxy.cfg'), 'utf8');
    assert.match(config, /option tcp-check/);
    assert.equal((await status())['healthy'], true);
  });

  test('`down` leaves no process and no file, and has nothing to do a second time', async () => {
    const pids = Object.values(await processes()).filter((pid) => pid !== undefined);
    assert.ok(pids.length > 8);
    await rig.ok('down', '--name', NAME);
    for (const pid of pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    await assert.rejects(stat(rig.directory(NAME)), { code: 'ENOENT' });
    assert.match((await rig.ok('down', '--name', NAME)).stderr, /nothing to do/);
  });
});
