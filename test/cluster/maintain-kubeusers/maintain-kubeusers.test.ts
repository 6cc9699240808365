import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmod, lstat, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { allowMassDelete, configurationFile } from '../../../components/maintain-kubeusers/index.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { CONFIG_MAPS, PODS, type KubeObject } from '../../../lib/kube/types.ts';
import { AccountsRig, ended } from './accounts-rig.ts';
import { openClient } from '../attempt.ts';

const isRoot = process.geteuid?.() === 0;

/** What the policies of both profiles let a tool run. */
function pod(name: string, uid: number): KubeObject {
  const capabilities = { drop: ['ALL'] };
  const ids = { runAsUser: uid, runAsGroup: uid, runAsNonRoot: true };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      securityContext: { ...ids, fsGroup: uid, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'main',
          image: 'example.invalid/main',
          securityContext: { ...ids, allowPrivilegeEscalation: false, privileged: false, capabilities },
        },
      ],
    },
  };
}

const forbidden = (error: unknown): boolean => error instanceof KubeError && error.status === 403;

suite('maintain-kubeusers on a whole cluster', { timeout: 30 * 60_000 }, () => {
  let rig: AccountsRig;
  before(async () => {
    rig = await AccountsRig.create('mku');
  });
  after(() => rig.dispose());

  test('`up` ends with the default accounts and the admin ready', async () => {
    const { accounts, leader, lastPass } = await rig.settled(4);
    assert.deepEqual(accounts, { total: 4, ready: 4, pending: 0, disabled: 0, skipped: 0, leaving: 0 });
    assert.ok(leader && lastPass !== undefined);
  });

  test('a tool can work in its namespace, and do nothing in another', async () => {
    const client = await rig.asTool('tf-test');
    try {
      await client.create(PODS, pod('mine', 50_001), 'tool-tf-test');
      await client.list(PODS, { namespace: 'tool-tf-test' });
      await assert.rejects(client.create(PODS, pod('theirs', 50_001), 'tool-tf-test2'), forbidden);
      await assert.rejects(client.list(PODS, { namespace: 'tool-tf-test2' }), forbidden);
      await assert.rejects(client.list(PODS), forbidden);
      // Nor can it loosen what confines it.
      const own = { namespace: 'tool-tf-test' };
      for (const [group, plural] of [
        ['kyverno.io', 'policies'],
        ['rbac.authorization.k8s.io', 'rolebindings'],
      ] as const) {
        await assert.rejects(client.list({ group, version: 'v1', plural }, own), forbidden);
      }
      const quota = { group: '', version: 'v1', plural: 'resourcequotas' };
      assert.equal((await client.list(quota, own)).length, 1);
      await assert.rejects(client.delete(quota, 'tool-tf-test', 'tool-tf-test'), forbidden);
    } finally {
      await client.close();
    }
  });

  test('the policy of the account is in force', async () => {
    const client = await rig.asTool('tf-test');
    try {
      const other = pod('other', 50_002); // somebody else's number
      await assert.rejects(client.create(PODS, other, 'tool-tf-test'), /toolforge-validate-pod-policy/);
    } finally {
      await client.close();
    }
  });

  test('the admin sees everything, changes nothing, and may act as somebody', async () => {
    const file = path.join(rig.cluster.directory, 'data', 'home', 'tf-admin', '.kube', 'config');
    const client = await openClient(file);
    try {
      assert.ok((await client.list(PODS)).length > 0);
      await assert.rejects(client.delete(PODS, 'mine', 'tool-tf-test'), forbidden);
      const review = (verb: string, resource: string) =>
        client.request<{ status: { allowed: boolean } }>(
          'POST',
          '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          { body: { spec: { resourceAttributes: { verb, resource } } } },
        );
      assert.equal((await review('impersonate', 'users')).status.allowed, true);
      assert.equal((await review('delete', 'namespaces')).status.allowed, false);
    } finally {
      await client.close();
    }
  });

  test('the loop itself has the rights that it needs and no others', async () => {
    const file = path.join(path.dirname(configurationFile(rig.cluster.directory)), 'kubeconfig');
    const client = await openClient(file);
    try {
      const who = await client.request<{ status: { userInfo: { username: string } } }>(
        'POST',
        '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        { body: {} },
      );
      assert.equal(
        who.status.userInfo.username,
        'system:serviceaccount:maintain-kubeusers:maintain-kubeusers',
      );
      await assert.rejects(client.list(PODS), forbidden);
      await assert.rejects(client.list({ group: '', version: 'v1', plural: 'secrets' }), forbidden);
      await assert.rejects(client.list(CONFIG_MAPS, { namespace: 'kube-system' }), forbidden);
      await assert.rejects(client.list(CONFIG_MAPS), forbidden);
      const escalation = {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name: 'escalation' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'tf-test' }],
      };
      const bindings = { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterrolebindings' };
      await assert.rejects(client.create(bindings, escalation), forbidden);
    } finally {
      await client.close();
    }
  });

  test('homes have their owners and modes', async () => {
    const modes = [
      '',
      'logs',
      '.toolskube',
      '.toolskube/client.key',
      '.toolskube/client.crt',
      '.kube',
      '.kube/config',
    ];
    const found = await Promise.all(
      modes.map(async (file) => {
        const { mode, uid, gid } = await lstat(rig.home('tf-test', file));
        if (isRoot) assert.deepEqual([uid, gid], [50_001, 50_001], file);
        return (mode & 0o7777).toString(8);
      }),
    );
    assert.deepEqual(found, ['2775', '2775', '700', '400', '400', '750', '600']);
    const certificate = new X509Certificate(await readFile(rig.home('tf-test', '.toolskube', 'client.crt')));
    assert.equal(certificate.subject, 'O=toolforge\nCN=tf-test');
  });

  test('`become` runs as the tool, and as no other', async () => {
    const { stdout } = await rig.command(
      'become',
      'tf-test',
      '--',
      '/bin/sh',
      '-c',
      'id -u; kubectl auth whoami -o jsonpath={.status.userInfo.username}; echo; touch mine; pwd; kubectl get pods -o name',
    );
    const [uid, user, home, first] = stdout.trim().split('\n');
    if (isRoot) assert.equal(uid, '50001');
    assert.deepEqual([user, path.basename(home ?? ''), first], ['tf-test', 'tf-test', 'pod/mine']);
    assert.ok((await lstat(rig.home('tf-test', 'mine'))).isFile());
    assert.equal((await rig.command('become', 'tf-test', '--', '/bin/sh', '-c', 'exit 7')).exitCode, 7);
    const denied = await rig.command(
      'become',
      'tf-test',
      '--',
      'kubectl',
      '-n',
      'tool-tf-test2',
      'get',
      'pods',
    );
    assert.match(denied.stderr, /Forbidden/);
    assert.notEqual(denied.exitCode, 0);
    for (const name of ['nobody', '..', '../tf-test', 'TF-TEST', '']) {
      assert.equal((await rig.command('become', name, '--', 'true')).exitCode, 2, name);
    }
    if (!isRoot) return;
    const other = rig.home('tf-test2', '.toolskube', 'client.key');
    assert.notEqual((await rig.command('become', 'tf-test', '--', 'cat', other)).exitCode, 0);
  });

  test('new, locked, unlocked and removed accounts are acted on at once', async () => {
    await rig.addTool('react');
    await rig.until('the new tool', () => rig.isReady('react'));
    const client = await rig.asTool('react');
    try {
      await client.list(PODS, { namespace: 'tool-react' });
      await rig.lock('react');
      await rig.until('no access', async () => {
        return client.list(PODS, { namespace: 'tool-react' }).then(() => false, forbidden);
      });
    } finally {
      await client.close();
    }
    await rig.until('no namespace', async () => !(await rig.has('/api/v1/namespaces/tool-react')));
    await rig.until('the mark', async () => (await lstat(rig.home('react', 'k8s.disabled'))).isFile());
    await assert.rejects(lstat(rig.home('react', '.toolskube', 'client.key')), /ENOENT/);
    const refused = await rig.command('become', 'react', '--', 'true');
    assert.match(refused.stderr, /The tool react is disabled/);
    assert.equal((await rig.status()).accounts.disabled, 1);

    await rig.lock('react', false);
    await rig.until('the tool again', () => rig.isReady('react'));
    await assert.rejects(lstat(rig.home('react', 'k8s.disabled')), /ENOENT/);
    assert.ok((await lstat(rig.home('react', 'logs'))).isDirectory());

    await rig.removeTool('react');
    await rig.until('no namespace', async () => !(await rig.has('/api/v1/namespaces/tool-react')));
    assert.ok((await lstat(rig.home('react'))).isDirectory(), 'the home stays');
  });

  test('the zoo is skipped with reasons, and nothing is made of it', async () => {
    const before = (await rig.settled()).accounts;
    await rig.ok('seed-accounts', '--malformed');
    await rig.until('the zoo to be noticed', async () => (await rig.status()).accounts.skipped > 0);
    const { accounts, skipped } = await rig.settled(before.ready);
    assert.equal(accounts.skipped, accounts.total - before.total);
    for (const { entry, reason } of skipped) assert.ok(reason.length > 3 && /^\P{C}*$/u.test(entry), entry);
    const metrics = await get('/metrics');
    assert.match(metrics.body, /^maintain_kubeusers_accounts_skipped\{reason="uid used twice"\} \d+$/m);
    const { items } = await rig.admin.request<{ items: KubeObject[] }>('GET', '/api/v1/namespaces');
    assert.ok(items.every(({ metadata }) => metadata?.name?.includes('zoo') !== true));
    assert.match(await rig.ok('maintain-kubeusers', '--dry-run'), /^skip +uid=local\.zoo-/m);
    await rig.ok('seed-accounts', '--malformed', '--delete');
    await rig.until('the zoo to be gone', async () => (await rig.status()).accounts.skipped === 0);
  });

  test('many accounts are made, and a pass then costs nothing', async () => {
    await rig.ok('seed-accounts', '60', '--admins', '1');
    await rig.settled(65);
    const from = (await rig.status()).lastPass?.at;
    await rig.ok('seed-accounts', '--lock', 'seed-0001'); // has a pass look
    await rig.until('the next pass', async () => (await rig.status()).lastPass?.at !== from);
    await rig.ok('seed-accounts', '--unlock', 'seed-0001');
    await rig.settled(65);
    const events = await rig.rig.events('maintain-kubeusers', '--name', 'mku', '--dry-run');
    const found = events.find(({ event }) => event === 'difference') ?? assert.fail('no difference');
    assert.deepEqual([found['actions'], found['fileOperations'], found['accounts']], [0, 0, 65]);
    assert.ok(Number(found['apiRequests']) + Number(found['directoryRequests']) <= 30);
    for (const name of ['seed-0007', 'seed-0060']) {
      const client = await rig.asTool(name);
      try {
        const uid = (await lstat(rig.home(name))).uid;
        if (isRoot) await client.create(PODS, pod('sample', uid), `tool-${name}`);
        await assert.rejects(client.list(PODS, { namespace: 'tool-tf-test' }), forbidden);
      } finally {
        await client.close();
      }
    }
  });

  test('health and metrics are for all, status is not, and no secret is in the log', async () => {
    assert.equal((await get('/healthz')).status, 200);
    assert.equal((await get('/status')).status, 401);
    assert.equal((await get('/status', 'Bearer wrong')).status, 401);
    const { body } = await get('/metrics');
    assert.match(body, /^maintain_kubeusers_accounts_created_total\{account_type="tool"\} \d+$/m);
    assert.match(body, /^maintain_kubeusers_leader 1$/m);
    const configuration = await readFile(configurationFile(rig.cluster.directory), 'utf8');
    const { token, stateKey } = JSON.parse(configuration) as { token: string; stateKey: string };
    const password = await readFile(path.join(rig.cluster.directory, 'ldap', 'reader.password'), 'utf8');
    const log = await rig.log();
    assert.ok(log.includes('"action":"create"'));
    for (const secret of [token, stateKey, password.trim(), 'PRIVATE KEY', 'BEGIN CERT']) {
      assert.ok(!log.includes(secret));
    }
    assert.equal((await lstat(configurationFile(rig.cluster.directory))).mode & 0o077, 0);
  });

  test('`--verify` finds what was damaged, and the running loop repairs it', async () => {
    const quotas = { group: '', version: 'v1', plural: 'resourcequotas' };
    await rig.admin.delete(quotas, 'tool-seed-0002', 'tool-seed-0002');
    await rig.admin.request('PATCH', '/api/v1/namespaces/tool-seed-0003/limitranges/tool-seed-0003', {
      body: { spec: { limits: [{ type: 'Container', max: { cpu: '99' } }] } },
      contentType: 'application/merge-patch+json',
    });
    await rm(rig.home('seed-0004', '.toolskube', 'client.key'));
    await chmod(rig.home('seed-0005', '.toolskube', 'client.key'), 0o644);
    await writeFile(rig.home('seed-0006', '.kube', 'config'), 'clusters: []\n');
    await rm(rig.home('seed-0007', 'logs'), { recursive: true });
    const findings = async (...flags: string[]): Promise<string[]> => {
      const events = await rig.rig.events('maintain-kubeusers', '--name', 'mku', '--verify', ...flags);
      return events
        .filter(({ event }) => event === 'finding')
        .map(({ account, resource }) => `${String(account)} ${String(resource)}`)
        .sort();
    };
    const wanted = [
      'tool/seed-0002 resource-quota',
      'tool/seed-0003 limit-range',
      'tool/seed-0004 certificate',
      'tool/seed-0005 certificate',
      'tool/seed-0006 kubeconfig',
      'tool/seed-0007 home',
    ];
    assert.deepEqual(await findings('--dry-run'), wanted);
    assert.deepEqual(await findings('--dry-run'), wanted, 'a dry run repairs nothing');
    assert.deepEqual(await findings(), wanted);
    await rig.until('the repairs', async () => (await rig.status()).problems.length === 0);
    await rig.settled(65);
    assert.deepEqual(await findings('--dry-run'), []);
  });

  test('a kubeconfig that is not YAML, and homes that play tricks, keep their own account back only', async () => {
    const secret = path.join(rig.rig.state, 'secret');
    await mkdir(secret, { mode: 0o700 });
    await writeFile(path.join(secret, 'config'), 'secret');
    await writeFile(rig.home('seed-0008', '.kube', 'config'), 'not: [yaml');
    await rm(rig.home('seed-0009', '.kube'), { recursive: true });
    await symlink(secret, rig.home('seed-0009', '.kube'));
    await rig.command('maintain-kubeusers', '--verify');
    await rig.until('both to be named', async () => {
      const named = (await rig.status()).problems
        .map(({ account, problem }) => `${account} ${problem}`)
        .join('\n');
      return /seed-0008 .*is not YAML/.test(named) && /seed-0009 .*symbolic link/.test(named);
    });
    await rig.addTool('after');
    await rig.until('a later tool', () => rig.isReady('after'));
    assert.equal(await readFile(rig.home('seed-0008', '.kube', 'config'), 'utf8'), 'not: [yaml');
    assert.equal(await readFile(path.join(secret, 'config'), 'utf8'), 'secret');
    await rm(rig.home('seed-0009', '.kube'));
    await rm(rig.home('seed-0008', '.kube', 'config'));
    await rig.command('maintain-kubeusers', '--verify');
    await rig.until('no problem', async () => (await rig.status()).problems.length === 0);
    await rig.removeTool('after');
    await rig.settled(65);
  });

  test('a namespace that is stuck holds up its own tool only', async () => {
    const held = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', finalizers: ['test.invalid/hold'] },
    };
    await rig.admin.apply(CONFIG_MAPS, held, 'tool-seed-0010');
    await rig.lock('seed-0010');
    await rig.until('the lock', async () => (await rig.status()).accounts.disabled === 1);
    await rig.lock('seed-0010', false);
    await rig.until('it to wait', async () => {
      const { problems } = await rig.status();
      return problems.some(
        ({ account, problem }) => account === 'tool/seed-0010' && problem.includes('being deleted'),
      );
    });
    await rig.addTool('meanwhile');
    await rig.until('another tool', () => rig.isReady('meanwhile'));
    await rig.admin.request('PATCH', '/api/v1/namespaces/tool-seed-0010/configmaps/held', {
      body: { metadata: { finalizers: null } },
      contentType: 'application/merge-patch+json',
    });
    await rig.removeTool('meanwhile');
    await rig.settled(65);
  });

  test('an emptied directory removes nobody', async () => {
    const names = Array.from({ length: 60 }, (_, index) => `seed-${String(index + 1).padStart(4, '0')}`);
    await rig.ok('seed-accounts', '60', '--delete', '--no-wait');
    await rig.until('the guard', async () => (await rig.status()).massDeleteBlocked !== undefined);
    const { body } = await get('/metrics');
    assert.match(body, /^maintain_kubeusers_mass_delete_blocked 1$/m);
    for (const name of names) assert.ok(await rig.isReady(name));
    // The admin may have gone before the tools, and the tool of the last test may still be going.
    const { leaving } = (await rig.status()).accounts;
    assert.ok(leaving >= 60, String(leaving));
    await rig.ok('seed-accounts', '60', '--admins', '1', '--no-wait');
    await rig.until(
      'the guard to calm down',
      async () => (await rig.status()).massDeleteBlocked === undefined,
    );
    await rig.settled(65);
  });

  test('LDAP and the API server may be killed', async () => {
    const statuses = await rig.cluster.supervisor.status(['slapd', 'kube-apiserver-1']);
    for (const { pid } of statuses) process.kill(pid ?? assert.fail('not running'), 'SIGKILL');
    await rig.until('LDAP', async () => {
      await rig.reconnect();
      return true;
    });
    await rig.addTool('phoenix');
    await rig.until('the new tool', () => rig.isReady('phoenix'));
    await rig.removeTool('phoenix');
    await rig.settled(65);
  });

  test('two instances: one acts, the other takes over when it is killed', async () => {
    const port = 17_000 + (process.pid % 1_000);
    const second = await rig.startInstance({ port });
    try {
      await rig.until(
        'the second to stand by',
        async () => (await get('/healthz', undefined, port)).status === 200,
      );
      assert.match((await get('/metrics', undefined, port)).body, /^maintain_kubeusers_leader 0$/m);
      await rig.withoutService(async () => {
        await rig.until('it to lead', async () => {
          return (await get('/metrics', undefined, port)).body.includes('maintain_kubeusers_leader 1');
        });
        await rig.addTool('second');
        await rig.until('its first tool', () => rig.isReady('second'));
      });
      second.kill('SIGKILL');
      await ended(second);
      await rig.removeTool('second');
      // The service does not wait for the lease of a process of this machine that is gone.
      await rig.settled(65);
      assert.equal((await rig.status()).leader, true);
    } finally {
      second.kill('SIGKILL');
    }
  });

  test('`--once` with other settings: RSA keys, no policies, more quota for one', async () => {
    await rig.ok('seed-accounts', '55', '--delete'); // RSA takes a second each
    await rig.withoutService(async () => {
      const quotaOverrides = { 'seed-0058': { version: 2, cpu: '8', pods: 40, pod_memory: '6Gi' } };
      const changes = { keyAlgorithm: 'RSA-4096', policy: undefined, quotaOverrides };
      const file = await rig.otherConfiguration(changes);
      const { stdout } = await rig.rig.ok('maintain-kubeusers', '--config', file, '--once');
      assert.match(stdout, /^\d+ accounts: \d+ actions done, 0 failed/m);
      const certificate = new X509Certificate(
        await readFile(rig.home('seed-0058', '.toolskube', 'client.crt')),
      );
      assert.equal(certificate.publicKey.asymmetricKeyType, 'rsa');
      const policies = '/apis/kyverno.io/v1/namespaces/tool-seed-0058/policies';
      const { items } = await rig.admin.request<{ items: unknown[] }>('GET', policies);
      assert.deepEqual(items, []);
      const quota = await rig.admin.request<{ spec: { hard: Record<string, string> } }>(
        'GET',
        '/api/v1/namespaces/tool-seed-0058/resourcequotas/tool-seed-0058',
      );
      assert.deepEqual([quota.spec.hard['limits.cpu'], quota.spec.hard['pods']], ['8', '40']);
      const again = await rig.rig.events('maintain-kubeusers', '--config', file, '--once');
      assert.equal(again.find(({ event }) => event === 'pass')?.['actions'], 0);
    });
    await rig.settled();
    const certificate = new X509Certificate(
      await readFile(rig.home('seed-0058', '.toolskube', 'client.crt')),
    );
    assert.equal(certificate.publicKey.asymmetricKeyType, 'ec', 'the service has its own settings');
  });

  test('killed at fifty random moments while accounts come and go, it converges', async () => {
    // Dozens are locked and removed in a minute: with a person's leave, or the guard would hold them back.
    await allowMassDelete(rig.admin, 1_000);
    let kills = 0;
    const churn = (async () => {
      for (let round = 0; kills < 50; round += 1) {
        const name = `churn-${round}`;
        await rig.addTool(name);
        await delay(Math.random() * 1_000);
        if (round % 3 === 0) await rig.lock(name);
        if (round % 3 === 1) await rig.removeTool(name);
      }
    })();
    while (kills < 50) {
      await delay(Math.random() * 1_500);
      const pid = await rig.servicePid();
      if (pid !== undefined && killed(pid)) kills += 1;
    }
    await churn;
    await rig.until('it to converge', async () => {
      const { accounts, work } = await rig.status();
      return accounts.total > 0 && accounts.pending + accounts.leaving + work.underWay + work.waiting === 0;
    });
    const events = await rig.rig.events('maintain-kubeusers', '--name', 'mku', '--verify', '--dry-run');
    assert.deepEqual(
      events.filter(({ event }) => event === 'finding'),
      [],
    );
  });

  function get(
    url: string,
    authorization?: string,
    port = rig.cluster.hostPorts.maintainKubeusers,
  ): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const headers = authorization === undefined ? {} : { authorization };
      const asked = request({ host: '127.0.0.1', port, path: url, headers }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body });
        });
      });
      asked.on('error', reject).end();
    });
  }
});

/** False for a process that ended by itself just now: it is between two lives already. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
