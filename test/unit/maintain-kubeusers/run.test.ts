import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { runMaintainKubeusers } from '../../../components/maintain-kubeusers/run.ts';
import { systemClock } from '../../../lib/clock.ts';
import type { Context } from '../../../lib/context.ts';
import { freePort } from '../../../lib/ports.ts';

const PEM = Buffer.from('pem').toString('base64');
const TOKEN = 'a token of the status page';
const HOLDER = 'elsewhere/1/x';

/** Writes all that the service reads, for an API and a page of its own at these ports. */
async function writeFiles(directory: string, apiPort: number, port: number): Promise<string> {
  const file = (name: string): string => path.join(directory, name);
  const server = `http://127.0.0.1:${apiPort}`;
  const kubeconfig = {
    'current-context': 'x',
    clusters: [{ name: 'x', cluster: { server, 'certificate-authority-data': PEM } }],
    users: [{ name: 'x', user: { 'client-certificate-data': PEM, 'client-key-data': PEM } }],
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
  };
  const ldap = {
    ...{ servers: ['ldaps://127.0.0.1:1'], basedn: 'dc=x', user: 'cn=x', password: 'x' },
    ...{ ca: file('ca'), project: 'local' },
  };
  await writeFile(file('kubeconfig'), stringify(kubeconfig));
  await writeFile(file('ldap'), stringify(ldap));
  await writeFile(file('ca'), 'pem');
  const configuration = {
    ...{ kubeconfig: file('kubeconfig'), ldapConfig: file('ldap'), logLevel: 'error' },
    ...{ dataRoot: directory, adminHomeRoot: directory, port, token: TOKEN, stateKey: 'x'.repeat(20) },
    cluster: { server: 'https://127.0.0.1:1', caFile: file('ca') },
  };
  await writeFile(file('config'), JSON.stringify(configuration));
  return file('config');
}

/** An API server in which another instance renews the lease again and again. */
async function apiAt(port: number): Promise<Server> {
  let version = 0;
  const server = createServer((_, response) => {
    version += 1;
    const metadata = { name: 'maintain-kubeusers', resourceVersion: String(version) };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ metadata, spec: { holderIdentity: HOLDER, leaseDurationSeconds: 30 } }));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

suite('the service', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'service-'));
  });
  after(() => rm(directory, { recursive: true }));

  test('that waits to lead is ill while the API does not answer, and well while another leads', async () => {
    const [apiPort, port] = [await freePort(), await freePort()];
    const config = await writeFiles(directory, apiPort, port);
    const stop = new AbortController();
    const context = { clock: systemClock, signal: stop.signal } as unknown as Context;
    const loadPolicy = (): never => assert.fail('no policy is wanted');
    const options = { once: false, dryRun: false, verify: false, allowMassDelete: false };
    const ended = runMaintainKubeusers({ ...options, config, loadPolicy }, context);
    ended.catch(() => undefined); // looked at in the end
    let api: Server | undefined;
    try {
      const ill = await until(port, 503);
      assert.match(ill, /^the lease cannot be read or renewed: .*ECONNREFUSED/);
      api = await apiAt(apiPort);
      assert.equal(await until(port, 200), 'ok\n');
      const status = JSON.parse((await get(port, '/status')).body) as Record<string, unknown>;
      assert.deepEqual([status['leader'], status['standby']], [false, HOLDER]);
    } finally {
      stop.abort();
      await assert.rejects(ended, { kind: 'interrupted' });
      api?.closeAllConnections();
      api?.close();
    }
  });
});

/** What `/healthz` says when it answers so. */
async function until(port: number, code: number): Promise<string> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const answer = await get(port, '/healthz').catch(() => undefined);
    if (answer?.status === code) return answer.body;
    if (performance.now() > deadline) assert.fail(`it answers ${answer?.status ?? 'nothing'}, not ${code}`);
    await delay(20);
  }
}

async function get(port: number, path: string): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const asked = request({ host: '127.0.0.1', port, path, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode, body });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
