import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Cluster } from '../../../cluster/provider.ts';
import { configurationFile } from '../../../components/maintain-kubeusers/index.ts';
import { OWN_LABELS } from '../../../components/maintain-kubeusers/state.ts';
import type { MaintainKubeusersStatus } from '../../../components/maintain-kubeusers/index.ts';
import type { Context } from '../../../lib/context.ts';
import { isGoing } from '../../../seed/accounts/going.ts';
import { accountsInCluster } from '../../../seed/accounts/in-cluster.ts';
import { fakeClock } from '../clock.ts';
import { FakeApi } from '../maintain-kubeusers/fake-api.ts';

const OWN = '/api/v1/namespaces/maintain-kubeusers';

/** A cluster that has something of each of these accounts. */
function clusterWith(tools: readonly string[], admins: readonly string[] = []) {
  const api = new FakeApi();
  const put = (path: string, name: string, namespace?: string): void => {
    const metadata = { name, labels: OWN_LABELS, ...(namespace === undefined ? {} : { namespace }) };
    api.objects.set(path, { metadata, data: {} });
  };
  put(OWN, 'maintain-kubeusers');
  for (const name of tools) put(`/api/v1/namespaces/tool-${name}`, `tool-${name}`);
  for (const name of admins.map((admin) => `enabled.admin.${admin}`))
    put(`${OWN}/configmaps/${name}`, name, 'maintain-kubeusers');
  const client = Object.assign(api, { close: () => Promise.resolve() });
  const permit = () =>
    (api.objects.get(`${OWN}/configmaps/allow-mass-delete`)?.['data'] as { removals?: string } | undefined)
      ?.removals;
  return { api, permit, cluster: { client: () => Promise.resolve(client) } as unknown as Cluster };
}

const contextOf = (clock: Context['clock']): Context =>
  ({ clock, signal: new AbortController().signal }) as unknown as Context;
const going = (count?: number, unchanged = 0) =>
  isGoing({ kind: 'delete', prefix: 'seed', count }, { unchanged });

suite('what a deletion takes away', () => {
  test('is told by the name: the first of a prefix, and the admins with the last', () => {
    const names = ['seed-0001', 'seed-0003', 'seed-x-0001', 'seed-0001-0001', 'tf-test'];
    const of = (isMeant: ReturnType<typeof going>): string[] => [
      ...names.filter((name) => isMeant({ type: 'tool', name })),
      ...['seed-admin-0001', 'seed-0002'].filter((name) => isMeant({ type: 'admin', name })),
    ];
    assert.deepEqual(of(going(2, 1)), ['seed-0001']);
    assert.deepEqual(of(going(3)), ['seed-0001', 'seed-0003', 'seed-admin-0001']);
    assert.deepEqual(of(going()), ['seed-0001', 'seed-0003', 'seed-admin-0001']);
  });
});

suite('the permit of a deletion', () => {
  test('covers what LDAP has lost already and the cluster still has', async () => {
    const { permit, cluster } = clusterWith(['seed-0001', 'seed-0002', 'tf-test'], ['seed-admin-0001']);
    await accountsInCluster(cluster, contextOf(fakeClock())).expectRemoval(0, going());
    assert.equal(permit(), '3');
  });

  test('does not shrink while a run goes on, nor fall short of what LDAP has', async () => {
    const { api, permit, cluster } = clusterWith(['seed-0001', 'seed-0002']);
    const accounts = accountsInCluster(cluster, contextOf(fakeClock()));
    await accounts.expectRemoval(5, going());
    assert.equal(permit(), '5');
    api.objects.delete('/api/v1/namespaces/tool-seed-0001');
    await accounts.expectRemoval(1, going());
    assert.equal(permit(), '5');
  });

  test('is not given where there is nothing to remove', async () => {
    const { permit, cluster } = clusterWith(['tf-test']);
    await accountsInCluster(cluster, contextOf(fakeClock())).expectRemoval(0, going());
    assert.equal(permit(), undefined);
  });
});

suite('waiting for the cluster', () => {
  let directory: string;
  let answers: string[];
  const server = createServer((_, response) => {
    response.end(answers.length > 1 ? answers.shift() : answers[0]);
  });
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'in-cluster-'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const file = configurationFile(directory);
    await mkdir(path.dirname(file), { recursive: true });
    const names = { kubeconfig: '/x', ldapConfig: '/x', dataRoot: '/x', adminHomeRoot: '/x' };
    const secrets = { token: 'x'.repeat(20), stateKey: 'x'.repeat(20) };
    const { port } = server.address() as AddressInfo;
    const cluster = { server: 'https://127.0.0.1:1', caFile: '/x' };
    await writeFile(file, JSON.stringify({ ...names, ...secrets, port, cluster }), { mode: 0o600 });
  });
  after(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });

  const status = (massDeleteBlocked?: string): string =>
    JSON.stringify({
      ...{ leader: true, skipped: [], problems: [], work: { waiting: 0, underWay: 0 }, memory: 1 },
      accounts: { total: 2, ready: 2, pending: 0, disabled: 0, skipped: 0, leaving: 0 },
      massDeleteBlocked,
    } satisfies MaintainKubeusersStatus);
  const settle = (name: string): Promise<string> => {
    const cluster = { directory, record: { spec: { name } } } as unknown as Cluster;
    return accountsInCluster(cluster, contextOf(fakeClock())).settle({ update: () => undefined });
  };

  test('gives the loop the time to notice a permit', async () => {
    answers = [status('too many'), status('too many'), status()];
    assert.equal(await settle('toolforge'), '2 ready, 0 disabled, 0 skipped');
  });

  test('fails when removals stay held back, and names the command for this cluster', async () => {
    answers = [status('too many')];
    const expected = { kind: 'cluster', why: 'too many' };
    const command = 'npm run maintain-kubeusers -- --once --allow-mass-delete';
    const hint = (rest: string) => `If they are to go: \`${command}${rest}\` lets it remove them.`;
    await assert.rejects(settle('toolforge'), { ...expected, hint: hint('') });
    await assert.rejects(settle('second'), { ...expected, hint: hint(' --name second') });
  });
});
