import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { SkippedEntry } from '../../../components/maintain-kubeusers/accounts/account.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { tool } from './fakes.ts';
import { many, running } from './running-loop.ts';

const skipped = (entry: string, reason: SkippedEntry['reason']): SkippedEntry => ({
  ...{ type: 'tool', entry, names: [entry], reason },
});

suite('a policy template that cannot be rendered', () => {
  test('is named, and stops neither the loop nor what accounts have, until it is taken back', async () => {
    const rig = running(many(3));
    const { loop, api, directory, metrics, rollOut, logged, until } = rig;
    await until('all', () => loop.status().accounts.ready === 3);
    api.requests.length = 0;
    rollOut.now = {
      policy: { profile: 'toolforge', action: 'Enforce' },
      renderPolicy: () => {
        throw new Error('the policy template names an unknown variable: x');
      },
      ...{ percent: 0, tools: ['t1'] },
    };
    await until('the trouble', () => loop.status().problems.length > 0);
    const { problems, accounts, ldapError } = loop.status();
    assert.equal(ldapError, undefined);
    assert.deepEqual(problems, [
      {
        account: 'all accounts',
        problem:
          'The policies of the accounts cannot be rendered: the policy template names an unknown variable: x',
      },
    ]);
    assert.deepEqual([accounts.total, accounts.ready, accounts.pending], [3, 0, 3]);
    // One is locked, one is new, one is gone: it all waits.
    directory.set([tool('t0', 50_000, true), tool('t1', 50_001), tool('new', 51_000)]);
    await until('it to be read', () => loop.status().accounts.disabled === 1);
    await delay(300);
    assert.deepEqual(
      api.requests.filter((request) => !/^(GET|WATCH)/.test(request)),
      [],
    );
    loop.collect();
    const text = await metrics.registry.metrics();
    assert.match(text, /^maintain_kubeusers_errors_total\{source="policy"\} [1-9]/m);
    assert.match(text, /^maintain_kubeusers_errors_total\{source="ldap"\} 0$/m);
    const said = logged.filter((line) => line.startsWith('error'));
    assert.equal(said.length, 1, said.join('\n'));
    assert.match(said[0] ?? '', /unknown variable: x/);

    rollOut.now = undefined;
    await until('everything', () => {
      const { ready, disabled, total, leaving } = loop.status().accounts;
      return ready === 2 && disabled === 1 && total === 3 && leaving === 0;
    });
    assert.deepEqual(loop.status().problems, []);
    await rig.end();
  });
});

test('an entry that is skipped is logged once, and once more when it is not any more', async () => {
  const rig = running(many(1));
  const { loop, directory, logged, until } = rig;
  const answer = async (...entries: readonly SkippedEntry[]): Promise<void> => {
    const before = loop.status().lastPass?.at;
    await delay(2); // the next pass has another time
    directory.set(many(1));
    directory.answer = { ...directory.answer, skipped: entries };
    await until('a pass', () => loop.status().lastPass?.at !== before);
  };
  const about = (): string[] => logged.splice(0).filter((line) => line.includes('entry'));
  await until('the account', () => loop.status().accounts.ready === 1);
  await answer(skipped('a', 'uid missing'), skipped('b', 'uid missing'));
  await answer(skipped('b', 'uid missing'), skipped('a', 'uid missing'));
  assert.deepEqual(about(), [
    'warn entry skipped {"entry":"a","reason":"uid missing"}',
    'warn entry skipped {"entry":"b","reason":"uid missing"}',
  ]);
  await answer(skipped('b', 'home missing'));
  await answer(skipped('b', 'home missing'));
  assert.deepEqual(about(), [
    'warn entry skipped {"entry":"b","reason":"home missing"}',
    'info entry not skipped any more {"entry":"a"}',
  ]);
  await rig.end();
});

test('without a view of the cluster for a while the loop is ill, until there is one again', async () => {
  const rig = running([], (server) => {
    server.before = (request) => {
      if (request === 'GET /api/v1/namespaces') throw new KubeError(request, 403, 'Forbidden', 'not yours');
    };
  });
  const { loop, api, elapse, logged, until } = rig;
  await until('an interruption', () => logged.some((line) => line.includes('was interrupted')));
  assert.equal(loop.illness(), undefined);
  elapse(31_000);
  assert.match(loop.illness() ?? '', /^no view of the cluster for 3\d s: .*not yours/);
  api.before = () => undefined;
  await until('the view', () => loop.illness() === undefined);
  await rig.end();
});
