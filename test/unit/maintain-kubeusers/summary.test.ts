import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { keyOf, type Account } from '../../../components/maintain-kubeusers/accounts/account.ts';
import { DesiredState } from '../../../components/maintain-kubeusers/difference/desired.ts';
import type { ObservedAccount } from '../../../components/maintain-kubeusers/difference/observed.ts';
import type { Evaluation } from '../../../components/maintain-kubeusers/loop/reconciler.ts';
import { measure, summarize } from '../../../components/maintain-kubeusers/loop/summary.ts';
import type { Failing } from '../../../components/maintain-kubeusers/loop/work-queue.ts';
import { createMetrics } from '../../../components/maintain-kubeusers/metrics.ts';
import { DAY, NOW, SETTINGS, tool } from './fakes.ts';

const failing = (account: Account): Failing => ({
  ...{ id: account, action: 'create', attempts: 1, nextTry: 0, error: new Error('no space') },
});

/** Made, with these resources in trouble. */
function made(account: Account, ...troubled: readonly string[]): ObservedAccount {
  const resources = new Map(troubled.map((id) => [id, { definition: 'x', problem: 'is not YAML' }]));
  const certificate = { from: NOW - DAY, until: NOW + DAY };
  return { id: account, enabled: { ...account, complete: true, resources, certificate } };
}

function evaluation(accounts: readonly Account[], observed: readonly ObservedAccount[]): Evaluation {
  return {
    desired: new DesiredState(SETTINGS).of({ accounts, skipped: [] }),
    observed: new Map(observed.map((each) => [keyOf(each.id), each])),
    ...{ actions: [], blocked: [] },
  };
}

const [a, b, locked, gone] = [tool('a'), tool('b', 50_002), tool('c', 50_003, true), tool('d', 50_004)];

suite('what is said about accounts', () => {
  test('first comes what keeps one from being ready, and is marked so', () => {
    const seen = {
      ...evaluation([a, b, locked], [made(a, 'kubeconfig')]),
      blocked: [{ id: a, reason: 'old' }],
    };
    const { accounts, problems } = summarize(seen, [gone, locked, b].map(failing), () => 'soon');
    assert.deepEqual([accounts.ready, accounts.pending, accounts.disabled], [0, 2, 1]);
    assert.deepEqual(
      problems.map(({ account, pending }) => [account, pending]),
      [
        ['tool/a', true],
        ['tool/b', true],
        ['tool/d', false],
        ['tool/c', false],
        ['tool/a', undefined],
      ],
    );
  });

  test('an account with several problems is one account to look after', async () => {
    const metrics = createMetrics();
    measure(evaluation([a, b], [made(a, 'kubeconfig', 'home'), made(b)]), [failing(a)], metrics);
    assert.match(await metrics.registry.metrics(), /^maintain_kubeusers_accounts_with_problems 1$/m);
  });

  test('the end of the first certificate is not said where there is none', async () => {
    const metrics = createMetrics();
    const said = async (): Promise<string[]> =>
      (await metrics.registry.metrics())
        .split('\n')
        .filter((line) => line.startsWith('maintain_kubeusers_certificate_expiry'));
    assert.deepEqual(await said(), []);
    measure(evaluation([a], [made(a)]), [], metrics);
    const end = (NOW + DAY) / 1000;
    assert.deepEqual(await said(), [`maintain_kubeusers_certificate_expiry_timestamp_seconds ${end}`]);
    measure(evaluation([], []), [], metrics);
    assert.deepEqual(await said(), []);
  });

  test('every action, result and source of errors has a first zero', async () => {
    const lines = (await createMetrics().registry.metrics()).split('\n');
    const zeros = (name: string): number =>
      lines.filter((line) => line.startsWith(`maintain_kubeusers_${name}{`) && line.endsWith('} 0')).length;
    assert.equal(zeros('actions_total'), 14);
    for (const source of ['account', 'api', 'homes', 'ldap', 'policy', 'watch'])
      assert.ok(lines.includes(`maintain_kubeusers_errors_total{source="${source}"} 0`), source);
  });
});
