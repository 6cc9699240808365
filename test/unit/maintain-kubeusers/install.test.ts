import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { stringify } from 'yaml';
import type { Cluster } from '../../../cluster/provider.ts';
import { configurationFile, maintainKubeusersPlan } from '../../../components/maintain-kubeusers/index.ts';
import type { MaintainKubeusersStatus } from '../../../components/maintain-kubeusers/index.ts';
import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import { fakeClock } from '../clock.ts';

const PEM = Buffer.from('pem').toString('base64');
const KUBECONFIG = stringify({
  'current-context': 'x',
  clusters: [{ name: 'x', cluster: { server: 'https://127.0.0.1:1', 'certificate-authority-data': PEM } }],
  users: [{ name: 'x', user: { 'client-certificate-data': PEM, 'client-key-data': PEM } }],
  contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
});

type Said = Pick<MaintainKubeusersStatus, 'problems'> & Partial<MaintainKubeusersStatus['accounts']>;

/** What the loop says after a pass, when nothing is under way. */
function status({ problems, ...counts }: Said, underWay = 0): MaintainKubeusersStatus {
  const accounts = { ready: 2, pending: 0, disabled: 0, skipped: 0, leaving: 0, ...counts };
  const cost = { seconds: 0.1, directoryRequests: 1, apiRequests: 1, fileOperations: 0, actions: 0 };
  return {
    ...{ leader: true, skipped: [], problems, work: { waiting: 0, underWay }, memory: 1 },
    accounts: { total: accounts.ready + accounts.pending + accounts.disabled, ...accounts },
    lastPass: { kind: 'full', at: new Date(0).toISOString(), ...cost },
  };
}

const at = (seconds: number): string => new Date(seconds * 1000).toISOString();

suite('the step of `up`', () => {
  let directory: string;
  let file: string;
  let answers: MaintainKubeusersStatus[] = [];
  const server = createServer((_, response) => {
    response.end(JSON.stringify(answers.length > 1 ? answers.shift() : answers[0]));
  });
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'install-'));
    file = configurationFile(directory);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(path.join(directory, 'kubeconfig'), KUBECONFIG);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  after(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });

  const run = async (...said: readonly MaintainKubeusersStatus[]) => {
    answers = [...said];
    const clock = fakeClock();
    const cluster = {
      directory,
      kubeconfig: path.join(directory, 'kubeconfig'),
      kubeconfigFor: () => Promise.resolve(KUBECONFIG),
      hostPorts: { maintainKubeusers: (server.address() as AddressInfo).port },
      profile: { podSecurityPolicy: false },
      supervisor: {
        apply: () => Promise.resolve([]),
        assertAlive: () => Promise.resolve(),
        lastLines: () => Promise.resolve(['its last line']),
      },
    } as unknown as Cluster;
    const context = { clock, signal: new AbortController().signal } as unknown as Context;
    const [, start] = maintainKubeusersPlan({ ldapConfig: () => '/ldap.yaml' }, context);
    assert.ok(start !== undefined && 'run' in start);
    const phrase = await start.run({ cluster }, { update: () => undefined });
    return { phrase, seconds: clock.now() / 1000 };
  };
  const secretsIn = async () => {
    const { token, stateKey } = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>;
    return { token, stateKey };
  };

  test('waits for the accounts, and says what came of it', async () => {
    const { phrase } = await run(status({ ready: 0, pending: 3, problems: [] }, 3), status({ problems: [] }));
    assert.equal(phrase, 'unchanged, 2 accounts ready');
  });

  test('does not wait for accounts that fail again and again, nor for old namespaces; it names them', async () => {
    const problems = [
      { account: 'tool/a', problem: 'its old namespace is still being deleted', pending: true },
      { account: 'tool/b', problem: '.kube is a link', pending: true, nextTry: at(200) },
      { account: 'tool/c', problem: 'kubeconfig: is not YAML' },
    ];
    const { phrase, seconds } = await run(status({ pending: 2, problems }));
    assert.equal(
      phrase,
      'unchanged, 2 accounts ready, 2 not (tool/a: its old namespace is still being deleted; tool/b: .kube is a link)',
    );
    assert.equal(seconds, 0);
  });

  test('waits for an account that failed a moment ago, but not for ever', async () => {
    const problems = [{ account: 'tool/b', problem: 'refused', pending: true, nextTry: at(2) }];
    const soon = await run(status({ pending: 1, problems }), status({ ready: 3, problems: [] }));
    assert.equal(soon.phrase, 'unchanged, 3 accounts ready');
    // Whatever it is busy with at that moment.
    const never = await run(status({ pending: 1, problems }, 1));
    assert.equal(never.phrase, 'unchanged, 2 accounts ready, 1 not (tool/b: refused)');
    assert.ok(never.seconds >= 90 && never.seconds < 100, `${never.seconds} s`);
  });

  test('an account that is under way for the first time is waited for, and missed in the end', async () => {
    const problems = [{ account: 'tool/b', problem: 'refused', pending: true, nextTry: at(200) }];
    await assert.rejects(run(status({ pending: 2, problems }, 1)), { kind: 'cluster', why: 'its last line' });
  });

  test('many are named by the first of them', async () => {
    const problems = ['a', 'b', 'c', 'd'].map((name) => ({
      ...{ account: `tool/${name}`, problem: 'no space', pending: true, nextTry: at(200) },
    }));
    const { phrase } = await run(status({ pending: 4, problems }));
    assert.match(phrase ?? '', /4 not \(tool\/a: no space; tool\/b: no space; tool\/c: no space; …\)$/);
  });

  test('keeps both secrets, whatever else the file says that another version wrote', async () => {
    await run(status({ problems: [] }));
    const made = await secretsIn();
    const known = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...known, renamed: true, interval: 'soon' }));
    await run(status({ problems: [] }));
    assert.deepEqual(await secretsIn(), made);
    await writeFile(file, JSON.stringify({ ...known, token: 'short' }));
    await run(status({ problems: [] }));
    const { token, stateKey } = await secretsIn();
    assert.equal(stateKey, made.stateKey);
    assert.ok((token?.length ?? 0) >= 20);
  });

  test('a file that somebody broke is a failure that says what to do, and quotes no secret', async () => {
    await writeFile(file, '{ "stateKey": "secretsecretsecretsecret"');
    await assert.rejects(run(status({ problems: [] })), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, 'usage');
      assert.match(error.hint ?? '', /delete it/);
      assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /secretsecret/);
      return true;
    });
    await rm(file);
  });
});
