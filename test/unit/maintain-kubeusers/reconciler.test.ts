import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { messageOf } from '../../../lib/errors.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { keyOf, namespaceOf, type Account } from '../../../components/maintain-kubeusers/accounts/account.ts';
import { DesiredState } from '../../../components/maintain-kubeusers/difference/desired.ts';
import { observeOnce } from '../../../components/maintain-kubeusers/loop/observe.ts';
import { Reconciler } from '../../../components/maintain-kubeusers/loop/reconciler.ts';
import { createMetrics } from '../../../components/maintain-kubeusers/metrics.ts';
import type { Settings } from '../../../components/maintain-kubeusers/settings.ts';
import {
  OWN_LABELS,
  renderState,
  STATE_NAME,
  type AccountState,
} from '../../../components/maintain-kubeusers/state.ts';
import { noteFindings } from '../../../components/maintain-kubeusers/verify.ts';
import { admin, DAY, NOW, SETTINGS, silentLog, tool, workshop } from './fakes.ts';

type Workshop = ReturnType<typeof workshop>;

function reconcilerOf({ tools }: Workshop, more: { allowMassDelete?: boolean; settings?: Settings } = {}) {
  let time = 0;
  const metrics = createMetrics();
  const reconciler = new Reconciler({
    tools: { ...tools, settings: more.settings ?? tools.settings },
    log: silentLog,
    metrics,
    now: () => NOW,
    monotonic: () => time,
    renewBefore: 30 * DAY,
    removalLimits: { fraction: 0.05, minimum: 10 },
    allowMassDelete: more.allowMassDelete ?? false,
    places: 4,
  });
  return {
    reconciler,
    metrics,
    elapse: (milliseconds: number) => (time += milliseconds),
  };
}

/** One pass of a process that starts anew: looks, acts, and ends. What it found to do. */
async function pass(
  shop: Workshop,
  accounts: readonly Account[],
  more: Parameters<typeof reconcilerOf>[1] = {},
) {
  const { reconciler, metrics } = reconcilerOf(shop, more);
  await observeOnce(shop.api, reconciler.observed);
  const evaluation = reconciler.evaluate({ accounts, skipped: [] });
  reconciler.queue.offer(evaluation.actions);
  await reconciler.queue.idle();
  return {
    ...evaluation,
    metrics,
    did: evaluation.actions.map(({ kind, id }) => `${kind} ${keyOf(id)}`),
    failures: reconciler.queue.failing().map(({ error }) => messageOf(error)),
  };
}

/** What is left of an account after it was made, as far as a pass looks. */
function recordAsMade({ api, tools }: Workshop, account: Account): void {
  const resources = new DesiredState(tools.settings)
    .of({ accounts: [account], skipped: [] })
    .accounts.get(keyOf(account))?.resources;
  const state: AccountState = {
    ...account,
    complete: true,
    resources: new Map([...(resources ?? [])].map(([id, definition]) => [id, { definition }])),
    certificate: { from: NOW - DAY, until: NOW + 300 * DAY },
  };
  const record = renderState(account, state);
  const namespace = namespaceOf(account.name);
  api.objects.set(`/api/v1/namespaces/${namespace}`, { metadata: { name: namespace, labels: OWN_LABELS } });
  api.objects.set(`/api/v1/namespaces/${namespace}/configmaps/${STATE_NAME}`, record);
}

suite('a pass', () => {
  test('makes all that an account needs, in nine requests, and then finds nothing to do', async () => {
    const shop = workshop();
    await pass(shop, [tool('a')]);
    const namespace = '/api/v1/namespaces/tool-a';
    const within = shop.api.names().filter((path) => path.startsWith(namespace) || path.includes('/tool-a/'));
    assert.deepEqual(
      within,
      [
        namespace,
        `${namespace}/configmaps/maintain-kubeusers`,
        `${namespace}/limitranges/tool-a`,
        `${namespace}/resourcequotas/tool-a`,
        '/apis/kyverno.io/v1/namespaces/tool-a/policies/toolforge-kyverno-pod-policy',
        '/apis/rbac.authorization.k8s.io/v1/namespaces/tool-a/rolebindings/a-tool-binding',
      ].sort(),
    );
    assert.deepEqual(
      [...shop.homes.files].map(([file, { mode }]) => [file, mode.toString(8)]),
      [
        ['tool/a/.toolskube/client.key', '400'],
        ['tool/a/.toolskube/client.crt', '400'],
        ['tool/a/.kube/config', '600'],
      ],
    );
    assert.deepEqual(
      [...shop.homes.directories].map(([directory, mode]) => [directory, mode.toString(8)]),
      [
        ['tool/a', '2775'],
        ['tool/a/logs', '2775'],
        ['tool/a/.toolskube', '700'],
        ['tool/a/.kube', '750'],
      ],
    );
    const writes = shop.api.requests.filter((request) => !request.startsWith('GET'));
    assert.ok(writes.length + 3 <= 14, `${writes.length} requests and three for the certificate`);

    shop.api.requests.length = 0;
    shop.homes.before = () => {
      throw new Error('the file system fails');
    };
    shop.homes.operations = 0;
    assert.deepEqual((await pass(shop, [tool('a')])).did, []);
    assert.equal(shop.homes.operations, 0);
    assert.deepEqual(
      shop.api.requests.filter((request) => !request.startsWith('GET')),
      [],
    );
  });

  test('with 4,000 accounts and nothing to do: under a second, under 30 requests, no file operation', async () => {
    const shop = workshop();
    const accounts = Array.from({ length: 4_000 }, (_, index) => tool(`t${index}`, 50_000 + index));
    for (const account of accounts) recordAsMade(shop, account);
    // Homes that never answer: whoever asked them would wait forever.
    shop.homes.before = () => new Promise(() => undefined);
    const before = process.cpuUsage();
    const { did } = await pass(shop, accounts);
    const { user, system } = process.cpuUsage(before);
    assert.deepEqual(did, []);
    assert.equal(shop.homes.operations, 0);
    // LDAP's share: eight pages of 500, the admins' group and the admins, and the marker.
    assert.ok(shop.api.requests.length + 11 <= 30, `${shop.api.requests.length} requests and LDAP's`);
    // Of the processor's time: other tests run beside this one.
    assert.ok((user + system) / 1_000 < 1_000, `${(user + system) / 1_000} ms`);
  });

  test('killed at any request or file operation, the next passes converge, and nothing is left over', async () => {
    const accounts = [tool('a', 50_001), tool('b', 50_002, true), admin('c')];
    const reference = workshop();
    await pass(reference, [tool('a', 50_001), tool('b', 50_002), admin('c')]);
    await pass(reference, accounts);
    const wanted = { objects: reference.api.names(), files: [...reference.homes.files.keys()].sort() };
    for (let killAt = 1; killAt < 80; killAt += 1) {
      const shop = workshop();
      let steps = 0;
      const step = (): void => {
        steps += 1;
        // From here on every request of the dead process is refused: it does nothing more.
        if (steps >= killAt) throw new Error('killed');
      };
      [shop.api.before, shop.homes.before] = [step, step];
      await pass(shop, [tool('a', 50_001), tool('b', 50_002), admin('c')]).catch(() => undefined);
      await pass(shop, accounts).catch(() => undefined);
      [shop.api.before, shop.homes.before] = [() => undefined, () => undefined];
      for (let again = 0; again < 3; again += 1) await pass(shop, accounts);
      const last = await pass(shop, accounts);
      assert.deepEqual([last.did, last.failures], [[], []], `killed at step ${killAt}`);
      assert.deepEqual(shop.api.names(), wanted.objects, `killed at step ${killAt}`);
      const marked = (file: string): boolean =>
        file !== 'tool/b/k8s.disabled' && file !== 'tool/b/.kube/config';
      assert.deepEqual([...shop.homes.files.keys()].filter(marked).sort(), wanted.files.filter(marked));
    }
  });

  test('one account that fails keeps nobody else', async () => {
    const shop = workshop();
    shop.homes.before = (path) => {
      if (path.startsWith('tool/b')) throw new Error('no space left on device');
    };
    const accounts = [tool('a', 50_001), tool('b', 50_002), tool('c', 50_003)];
    const { failures } = await pass(shop, accounts);
    assert.deepEqual(failures, ['no space left on device']);
    shop.homes.before = () => undefined;
    const second = await pass(shop, accounts);
    assert.deepEqual(second.did, ['create tool/b']);
    assert.deepEqual(
      second.actions[0]?.apply,
      ['home', 'certificate', 'kubeconfig'],
      'the rest is done already',
    );
  });

  test('a kubeconfig that is not YAML is kept, named, and not looked at again soon', async () => {
    const shop = workshop();
    shop.homes.directories.set('tool/a', 0o2775).set('tool/a/.kube', 0o750);
    shop.homes.files.set('tool/a/.kube/config', { content: '{{{', mode: 0o600 });
    assert.deepEqual((await pass(shop, [tool('a')])).failures, []);
    assert.equal(shop.homes.files.get('tool/a/.kube/config')?.content, '{{{');
    const { did, observed } = await pass(shop, [tool('a')]);
    assert.deepEqual(did, []);
    const { problem = '' } = observed.get('tool/a')?.enabled?.resources.get('kubeconfig') ?? {};
    assert.match(problem, /is not YAML; it was left as it is/);
  });

  test('what somebody writes into a kubeconfig while it is merged is kept, and merged the next time', async () => {
    const shop = workshop();
    const file = 'tool/a/.kube/config';
    const theirs = { content: 'apiVersion: v1 # theirs\n', mode: 0o600 };
    let looks = 0;
    shop.homes.before = (path) => {
      if (path === file && ++looks === 2) shop.homes.files.set(file, theirs); // between our reading and our writing
    };
    assert.match((await pass(shop, [tool('a')])).failures.join(), /was changed meanwhile/);
    assert.equal(shop.homes.files.get(file), theirs);
    assert.deepEqual((await pass(shop, [tool('a')])).failures, []);
    assert.match(shop.homes.files.get(file)?.content ?? '', /^apiVersion: v1 # theirs\nclusters:/);
  });

  test('what `--verify` found is repaired once, and what the tool wrote into its record goes', async () => {
    const shop = workshop();
    const account = tool('a');
    await pass(shop, [account]);
    const finding = { account, resource: 'limit-range', problem: 'is missing' };
    await noteFindings([finding], { client: shop.api, signal: new AbortController().signal });
    const path = `/api/v1/namespaces/tool-a/configmaps/${STATE_NAME}`;
    await shop.api.request('PATCH', path, { body: { data: { 'problem.policy': 'trust me' } } });
    const { actions } = await pass(shop, [account]);
    assert.deepEqual(
      actions.map(({ kind, apply }) => [kind, ...apply]),
      [['repair', 'limit-range', 'policy']],
    );
    const { did: again, observed } = await pass(shop, [account]);
    assert.deepEqual(again, []);
    const state = observed.get('tool/a')?.enabled;
    assert.equal(state?.resources.get('limit-range')?.problem, undefined);
  });

  test('locking takes namespace and credentials, leaves home and mark; unlocking gives it all back', async () => {
    const shop = workshop();
    await pass(shop, [tool('a')]);
    shop.homes.files.set('tool/a/logs/mine', { content: 'x', mode: 0o644 });
    shop.api.requests.length = 0;
    assert.deepEqual((await pass(shop, [tool('a', 50_001, true)])).did, ['disable tool/a']);
    const [first] = shop.api.requests.filter((request) => request.startsWith('DELETE'));
    assert.match(first ?? '', /rolebindings/, 'access goes first');
    assert.deepEqual(
      shop.api.names().filter((path) => path.includes('tool-a')),
      [],
    );
    assert.deepEqual([...shop.homes.files.keys()].sort(), [
      'tool/a/.kube/config',
      'tool/a/k8s.disabled',
      'tool/a/logs/mine',
    ]);
    assert.deepEqual((await pass(shop, [tool('a', 50_001, true)])).did, []);
    assert.deepEqual((await pass(shop, [tool('a')])).did, ['enable tool/a']);
    assert.ok(shop.homes.files.has('tool/a/.toolskube/client.key'));
    assert.ok(!shop.homes.files.has('tool/a/k8s.disabled'));
    assert.deepEqual((await pass(shop, [tool('a')])).did, []);
  });

  test('one that was locked before it was ever seen gets no namespace and no home', async () => {
    const shop = workshop();
    await pass(shop, [tool('a', 50_001, true)]);
    assert.deepEqual((await pass(shop, [tool('a', 50_001, true)])).did, []);
    assert.deepEqual(shop.homes.directories.size + shop.homes.files.size, 0);
  });

  test('one that goes before anything of it is recorded is rid of what it can have, and nothing else is asked for', async () => {
    const shop = workshop();
    const killedAtItsRecord = (request: string): void => {
      if (/tool-.*configmaps/.test(request)) throw new Error('killed');
    };
    shop.api.before = killedAtItsRecord;
    await pass(shop, [tool('a'), tool('b')]);
    // Without PodSecurityPolicy, RBAC has no rights on it either.
    shop.api.before = (request) => {
      if (request.includes('podsecuritypolicies'))
        throw new KubeError(request, 403, 'Forbidden', 'forbidden');
    };
    const { did, failures } = await pass(shop, [tool('b')]);
    assert.deepEqual([did.toSorted(), failures], [['delete tool/a', 'repair tool/b'], []]);
    assert.ok(!shop.api.names().some((name) => name.includes('tool-a')));
  });

  test('a namespace that takes its time is waited for', async () => {
    const shop = workshop();
    await pass(shop, [tool('a')]);
    shop.api.slowNamespaces = true;
    await pass(shop, [tool('a', 50_001, true)]);
    const waiting = await pass(shop, [tool('a')]);
    assert.deepEqual([waiting.did, waiting.blocked.length], [[], 1]);
    shop.api.finishNamespaces();
    assert.deepEqual((await pass(shop, [tool('a')])).did, ['enable tool/a']);
  });

  test("somebody else's namespace of that name is not touched, nor deleted when the tool goes", async () => {
    const shop = workshop();
    const theirs = { metadata: { name: 'tool-a', labels: { owner: 'somebody' }, resourceVersion: '1' } };
    shop.api.objects.set('/api/v1/namespaces/tool-a', theirs);
    const { failures } = await pass(shop, [tool('a'), tool('b', 50_002)]);
    assert.match(failures.join(), /tool-a was not made by maintain-kubeusers/);
    await pass(shop, [tool('b', 50_002)]);
    assert.equal(shop.api.objects.get('/api/v1/namespaces/tool-a'), theirs);
    assert.deepEqual(
      shop.api.names().filter((path) => path.includes('/tool-a/')),
      [],
    );
  });
});

suite('the guard', () => {
  const many = (count: number): Account[] =>
    Array.from({ length: count }, (_, index) => tool(`t${index}`, 50_000 + index));

  test('an empty answer deletes nobody', async () => {
    const shop = workshop();
    await pass(shop, [...many(5), admin('x')]);
    const { did, objection } = await pass(shop, []);
    assert.deepEqual(did, []);
    assert.match(objection ?? '', /no tools at all/);
    const noAdmins = await pass(shop, many(5));
    assert.match(noAdmins.objection ?? '', /no admins at all/);
  });

  test('up to ten, or five in a hundred, may go; more are all held back, and the others are served', async () => {
    const shop = workshop();
    await pass(shop, many(300));
    assert.match((await pass(shop, many(284))).objection ?? '', /^16 accounts .* at most 15 of 300 may$/);
    const created = await pass(shop, [...many(200), tool('new', 99_999)]);
    assert.deepEqual(created.did, ['create tool/new']);
    const fine = await pass(shop, [...many(286), tool('new', 99_999)]);
    assert.equal(fine.did.length, 14);
  });

  test('locking many at once is held back like deleting them', async () => {
    const shop = workshop();
    await pass(shop, many(30));
    const locked = many(30).map((account, index) => ({ ...account, disabled: index < 11 }));
    assert.match((await pass(shop, locked)).objection ?? '', /^11 accounts/);
    // Nothing is taken from those that never had anything.
    const fresh = workshop();
    assert.equal((await pass(fresh, locked)).objection, undefined);
  });

  test('bit by bit is caught too, and forgiven after a minute', async () => {
    const shop = workshop();
    await pass(shop, many(40));
    const { reconciler, elapse } = reconcilerOf(shop);
    await observeOnce(shop.api, reconciler.observed);
    const remove = async (left: number): Promise<number> => {
      const { actions } = reconciler.evaluate({ accounts: many(left), skipped: [] });
      reconciler.queue.offer(actions);
      await reconciler.queue.idle();
      return actions.length;
    };
    assert.equal(await remove(34), 6);
    assert.equal(await remove(29), 0);
    elapse(61_000);
    assert.equal(await remove(29), 5);
  });

  test('a permit, or the option, lets them go', async () => {
    const shop = workshop();
    await pass(shop, many(30));
    assert.equal((await pass(shop, many(1), { allowMassDelete: true })).did.length, 29);
    await pass(shop, many(30));
    const { reconciler } = reconcilerOf(shop);
    await observeOnce(shop.api, reconciler.observed);
    const answer = { accounts: [], skipped: [] };
    reconciler.permit = { removals: 29, until: NOW + 1 };
    assert.ok(reconciler.evaluate(answer).objection !== undefined);
    reconciler.permit = { removals: 30, until: NOW };
    assert.ok(reconciler.evaluate(answer).objection !== undefined, 'it ended');
    reconciler.permit = { removals: 30, until: NOW + 1 };
    assert.equal(reconciler.evaluate(answer).actions.length, 30);
  });
});

test('a changed quota is applied to all, with two requests each', async () => {
  const shop = workshop();
  const accounts = Array.from({ length: 50 }, (_, index) => tool(`t${index}`, 50_000 + index));
  await pass(shop, accounts);
  const quotaOverrides = Object.fromEntries(accounts.map(({ name }) => [name, { version: 1, pods: 20 }]));
  shop.api.requests.length = 0;
  const settings = { ...SETTINGS, quotaOverrides };
  assert.equal((await pass(shop, accounts, { settings })).did.length, 50);
  const written = shop.api.requests.filter((request) => !request.startsWith('GET'));
  assert.equal(written.filter((request) => request.startsWith('PUT')).length, 100);
  assert.equal(written.filter((request) => !request.startsWith('WATCH')).length, 100);
  assert.deepEqual((await pass(shop, accounts, { settings })).did, []);
});
