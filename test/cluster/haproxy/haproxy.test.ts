import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { connect } from 'node:tls';
import { haproxyStatus } from '../../../components/haproxy/index.ts';
import { Failure } from '../../../lib/errors.ts';
import { ask, askFully } from './backend.ts';
import { HAProxyRig } from './rig.ts';

/** What runs at the same time as the others, but whose own tests share one HAProxy. */
const inOrder = { concurrency: false };

void suite('HAProxy, the real one', { concurrency: true }, () => {
  suite('in front of three servers', inOrder, () => {
    let rig: HAProxyRig;
    before(async () => {
      rig = await HAProxyRig.create(3);
      await rig.start();
    });
    after(() => rig.dispose());

    test('hands connections out in turn', async () => {
      const answers = await Promise.all(Array.from({ length: 9 }, () => ask(rig.options.apiPort)));
      const counts = rig.apiservers.map(({ name }) => answers.filter((answer) => answer === name).length);
      assert.deepEqual(counts, [3, 3, 3]);
    });

    test('reports its servers, with what the last check found', async () => {
      await rig.until('every server to be checked', async () => {
        const { backends } = await haproxyStatus(rig.options.directory);
        return backends.every(({ servers }) => servers.every(({ lastCheck }) => lastCheck !== undefined));
      });
      const { backends, ready } = await haproxyStatus(rig.options.directory);
      assert.equal(ready, true);
      assert.deepEqual(
        backends.map(({ name }) => name),
        ['k8s-api', 'kyverno-svc'],
      );
      const [first] = backends[0]?.servers ?? [];
      assert.equal(first?.state, 'up');
      assert.match(first.lastCheck ?? '', /^L7OK\/200 in \d+ms$/);
      assert.equal(first.address, `127.0.0.1:${rig.apiservers[0]?.endpoint.port ?? 0}`);
    });

    test('statistics and metrics: TLS and the password, or nothing', async () => {
      const { statsPort } = rig.options;
      const password = (await readFile(rig.files.password, 'utf8')).trim();
      for (const path of ['/stats', '/metrics', '/', '/stats;csv']) {
        assert.equal((await askFully(statsPort, { path })).status, 401, path);
        assert.equal((await askFully(statsPort, { path, auth: 'admin:wrong' })).status, 401, path);
      }
      const auth = `admin:${password}`;
      assert.match(
        await ask(statsPort, { path: '/metrics', auth }),
        /haproxy_server_status\{proxy="k8s-api"/,
      );
      assert.match(await ask(statsPort, { path: '/stats', auth }), /Statistics Report/);
      assert.equal((await askFully(statsPort, { path: '/other', auth })).status, 404);
      assert.equal(await plainAnswer(statsPort), '', 'without TLS there is no answer');
    });

    test('its sockets are for us alone', async () => {
      for (const socket of [rig.files.adminSocket, rig.files.masterSocket]) {
        assert.equal((await stat(socket)).mode & 0o777, 0o600, socket);
      }
    });
  });

  suite('a reload', inOrder, () => {
    let rig: HAProxyRig;
    before(async () => {
      rig = await HAProxyRig.create(2);
      await rig.start();
    });
    after(() => rig.dispose());

    test('keeps connections alive, refuses nobody, and brings the new servers', async () => {
      const connection = connect({ port: rig.options.apiPort, host: '127.0.0.1', rejectUnauthorized: false });
      await once(connection, 'secureConnect');
      const first = await exchange(connection);
      const asking = new AbortController();
      const asked = askUntil(rig.options.apiPort, asking.signal);
      const [one, two] = rig.apiservers.map(({ endpoint }) => endpoint);
      assert.ok(one !== undefined && two !== undefined);
      for (const apiservers of [[one], [two], [one, two], [two]]) await rig.change({ apiservers });
      assert.equal(await exchange(connection), first, 'the connection of before goes on, to the same server');
      assert.equal(await ask(rig.options.apiPort), two.name);
      asking.abort();
      assert.ok((await asked) > 0);
      connection.destroy();
    });

    test('of a configuration that is not valid changes nothing', async () => {
      const answer = await ask(rig.options.apiPort);
      const config = await readFile(rig.files.config, 'utf8');
      await assert.rejects(
        rig.change({ apiservers: [{ name: 'has space', host: '127.0.0.1', port: 1 }] }),
        (error: Failure) => {
          assert.ok(error instanceof Failure);
          assert.match(error.why ?? '', /unknown keyword|invalid|address/i);
          return true;
        },
      );
      assert.equal(await readFile(rig.files.config, 'utf8'), config);
      assert.equal(await ask(rig.options.apiPort), answer);
    });
  });

  suite('when an API server is ill but its port is open', () => {
    test('healthz: it is taken out within 20 s, and connections go to the others', async () => {
      const rig = await HAProxyRig.create(2, 'healthz');
      try {
        await rig.start();
        const [ill, well] = rig.apiservers;
        assert.ok(ill !== undefined && well !== undefined);
        ill.mood = 'ill';
        await rig.until('it to be taken out', async () => (await rig.server(ill.name)).state === 'down');
        assert.match((await rig.server(ill.name)).lastCheck ?? '', /^L7STS\/500/);
        const answers = await Promise.all(Array.from({ length: 4 }, () => ask(rig.options.apiPort)));
        assert.deepEqual([...new Set(answers)], [well.name]);
        // Back, it would be out for 10 s more and warm up for 60; a reload forgets all that.
        ill.mood = 'well';
        await rig.change({});
        const server = await rig.server(ill.name);
        assert.deepEqual([server.state, server.slowStart], ['up', undefined]);
      } finally {
        await rig.dispose();
      }
    });

    test('tcp, as before the outage: nobody notices, and it gets its share of connections', async () => {
      const rig = await HAProxyRig.create(2, 'tcp');
      try {
        await rig.start();
        const [ill] = rig.apiservers;
        assert.ok(ill !== undefined);
        ill.mood = 'ill';
        // Two checks after the one that was due when it fell ill: what takes it out with healthz.
        await rig.until('three checks', async () => (await rig.server(ill.name)).seconds >= 25, 40_000);
        assert.equal((await rig.server(ill.name)).state, 'up');
        assert.match((await rig.server(ill.name)).lastCheck ?? '', /^L4OK/);
        const answers = await Promise.all(Array.from({ length: 4 }, () => ask(rig.options.apiPort)));
        assert.equal(answers.filter((answer) => answer === ill.name).length, 2);
      } finally {
        await rig.dispose();
      }
    });
  });

  suite('in front of a Service’s replicas', inOrder, () => {
    let rig: HAProxyRig;
    before(async () => {
      rig = await HAProxyRig.create(3);
      await rig.start();
    });
    after(() => rig.dispose());

    test('a replica that dies costs nobody a request, and takes part again within seconds', async () => {
      const [dead] = rig.replicas;
      assert.ok(dead !== undefined);
      await dead.kill();
      const answers: string[] = [];
      for (let count = 0; count < 12; count += 1) answers.push(await ask(rig.servicePort));
      assert.ok(!answers.includes(dead.name));
      await rig.until('it to be out', async () => (await rig.server(dead.name)).state === 'down', 5_000);
      await dead.start();
      const started = Date.now();
      await rig.until('it to take part', async () => (await ask(rig.servicePort)) === dead.name);
      assert.ok(Date.now() - started < 3000, `${Date.now() - started} ms`);
    });

    test('a replica that hangs is taken out, and its connections are cut', async () => {
      const hung = rig.replicas[1];
      assert.ok(hung !== undefined);
      const held = await holdConnection(rig, hung.name);
      hung.mood = 'hung';
      await rig.until(
        'it to be taken out',
        async () => (await rig.server(hung.name)).state === 'down',
        15_000,
      );
      await rig.until('its connection to be cut', () => Promise.resolve(held.destroyed), 5_000);
      assert.ok(
        !(await Promise.all(Array.from({ length: 6 }, () => ask(rig.servicePort)))).includes(hung.name),
      );
    });
  });

  test('without HAProxy the status is a failure that says so', async () => {
    await assert.rejects(haproxyStatus('/nonexistent/haproxy'), (error: Failure) => {
      assert.equal(error.what, 'HAProxy is not running');
      return true;
    });
  });
});

/** Asks over and over, each time on a new connection, until aborted. Returns how often; throws at the first failure. */
async function askUntil(port: number, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (; !signal.aborted; count += 1) await ask(port);
  return count;
}

/** One HTTP request on a connection that stays open. */
async function exchange(connection: ReturnType<typeof connect>): Promise<string> {
  const answer = once(connection, 'data');
  connection.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
  const [chunk] = (await answer) as [Buffer];
  return /control-plane-\d|kyverno-svc-\d/.exec(chunk.toString())?.[0] ?? chunk.toString();
}

/** A connection that HAProxy handed to the replica of that name. */
async function holdConnection(rig: HAProxyRig, name: string): Promise<ReturnType<typeof connect>> {
  for (;;) {
    const connection = connect({ port: rig.servicePort, host: '127.0.0.1', rejectUnauthorized: false });
    connection.on('error', () => undefined);
    await once(connection, 'secureConnect');
    if ((await exchange(connection)) === name) return connection;
    connection.destroy();
  }
}

/** What a client without TLS is told. */
async function plainAnswer(port: number): Promise<string> {
  const socket = connectPlain(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  // A connection that is reset is no answer either; `once` would make an error of it.
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.end('GET /metrics HTTP/1.0\r\n\r\n');
  await closed;
  return answer;
}
