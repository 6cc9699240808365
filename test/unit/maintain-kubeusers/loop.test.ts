import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { allowMassDelete } from '../../../components/maintain-kubeusers/mass-delete.ts';
import { isSelected } from '../../../components/maintain-kubeusers/settings.ts';
import { tool } from './fakes.ts';
import { many, running } from './running-loop.ts';

suite('the loop', () => {
  test('acts on new, locked, unlocked and removed accounts without a full pass', async () => {
    const rig = running(many(2));
    const { loop, api, directory, until } = rig;
    const counts = () => loop.status().accounts;
    await until('the first two', () => counts().ready === 2);
    const has = (name: string): boolean => api.objects.has(`/api/v1/namespaces/tool-${name}`);
    directory.set([...many(2), tool('new', 51_000)]);
    await until('the new one', () => has('new') && counts().ready === 3);
    directory.set([...many(2), tool('new', 51_000, true)]);
    await until('the locked one', () => !has('new') && counts().disabled === 1);
    directory.set([...many(2), tool('new', 51_000)]);
    await until('the unlocked one', () => has('new') && counts().ready === 3);
    directory.set(many(2));
    await until('the removed one', () => !has('new') && counts().total === 2);
    await rig.end();
  });

  test('a roll-out gives part of the tools another policy, and takes it back', async () => {
    const rig = running(many(40));
    const { loop, api, rollOut, until } = rig;
    const enforced = (): string[] =>
      [...api.objects]
        .filter(([path, object]) => path.includes('/policies/') && JSON.stringify(object).includes('Enforce'))
        .map(([path]) => /tool-([^/]+)/.exec(path)?.[1] ?? '')
        .sort();
    const settled = (percent?: number): boolean => {
      const { rollOut: taken, accounts } = loop.status();
      return taken?.percent === percent && accounts.ready === 40;
    };
    const policy = { profile: 'toolforge', action: 'Enforce' } as const;
    const { renderPolicy } = rig.tools.settings;
    await until('the accounts', () => settled());
    assert.deepEqual(enforced(), []);
    rollOut.now = { policy, renderPolicy, percent: 25, tools: ['t7'] };
    await until('a quarter of them, and one', () => settled(25));
    const quarter = enforced();
    const expected = many(40).map(({ name }) => name);
    assert.deepEqual(
      quarter,
      expected.filter((name) => isSelected(name, { percent: 25, tools: ['t7'] })).sort(),
    );
    assert.ok(quarter.length > 3 && quarter.length < 20 && quarter.includes('t7'), quarter.join());
    rollOut.now = { policy, renderPolicy, percent: 60, tools: ['t7'] };
    await until('more of them', () => settled(60));
    assert.ok(quarter.every((name) => enforced().includes(name)) && enforced().length > quarter.length);
    rollOut.now = undefined;
    await until('none of them', () => settled());
    assert.deepEqual(enforced(), []);
    await rig.end();
  });

  test('what somebody deletes is made again, without asking the directory', async () => {
    const rig = running(many(1));
    const { loop, api, directory, until } = rig;
    await until('the first', () => loop.status().accounts.ready === 1);
    const asked = directory.requests;
    directory.failing = new Error('down'); // and LDAP is not needed for it
    await api.delete({ group: '', version: 'v1', plural: 'namespaces' }, 'tool-t0');
    await until('the namespace', () =>
      api.objects.has('/api/v1/namespaces/tool-t0/configmaps/maintain-kubeusers'),
    );
    assert.ok(directory.requests >= asked);
    await rig.end();
  });

  test('LDAP that fails removes nobody, is named, and is used again when it is back', async () => {
    const rig = running(many(3));
    const { loop, api, directory, until } = rig;
    await until('all', () => loop.status().accounts.ready === 3);
    directory.failing = new Error('LDAP is down');
    await until('the error', () => loop.status().ldapError !== undefined);
    assert.equal(loop.status().accounts.ready, 3);
    directory.failing = undefined;
    directory.set([...many(3), tool('new', 51_000)]);
    await until('the new one', () => api.objects.has('/api/v1/namespaces/tool-new'));
    await until('no error', () => loop.status().ldapError === undefined);
    await rig.end();
  });

  test('homes that hang hold back their account alone', async () => {
    const rig = running([]);
    const { loop, homes, directory, until } = rig;
    homes.before = (path) => (path.startsWith('tool/t3') ? new Promise(() => undefined) : undefined);
    directory.set(many(6));
    await until('the others', () => loop.status().accounts.ready === 5);
    directory.set([...many(6), tool('new', 51_000)]);
    await until('one that comes later', () => loop.status().accounts.ready === 6);
    assert.equal(loop.status().work.underWay, 1);
    void rig.end(); // the service itself waits for what hangs only so long
  });

  test('an empty directory is not followed, until a permit says so', async () => {
    const rig = running(many(12));
    const { loop, api, directory, metrics, until } = rig;
    await until('all', () => loop.status().accounts.ready === 12);
    directory.set([]);
    await until('the guard', () => loop.status().massDeleteBlocked !== undefined);
    loop.collect();
    assert.match(await metrics.registry.metrics(), /^maintain_kubeusers_mass_delete_blocked 1$/m);
    assert.ok(api.objects.has('/api/v1/namespaces/tool-t0'));
    await allowMassDelete(api, 12);
    await until('the permit', () => api.names().every((path) => !path.includes('tool-t')));
    await until('its end', () => loop.status().massDeleteBlocked === undefined);
    await rig.end();
  });

  test('an answer that misses an account once does not delete it', async () => {
    const rig = running(many(3));
    const { loop, api, directory, until } = rig;
    await until('all', () => loop.status().accounts.ready === 3);
    const whole = directory.answer;
    let reads = 0;
    const read = directory.read.bind(directory);
    directory.read = async () => {
      reads += 1;
      const answer = await read();
      return reads === 1 ? { ...answer, accounts: answer.accounts.slice(1) } : answer;
    };
    directory.set(whole.accounts);
    await until('both reads', () => reads >= 2);
    await delay(50);
    assert.ok(!api.requests.some((request) => request.startsWith('DELETE')));
    await rig.end();
  });

  test("metrics have production's names, with a first value before anything happened", async () => {
    const rig = running(many(2));
    await rig.until('all', () => rig.loop.status().accounts.ready === 2);
    await rig.end();
    rig.loop.collect();
    const text = await rig.metrics.registry.metrics();
    for (const line of [
      /^maintain_kubeusers_accounts_created_total\{account_type="tool"\} 2$/m,
      /^maintain_kubeusers_accounts_renewed_total\{account_type="tool"\} 0$/m,
      /^maintain_kubeusers_accounts_disabled_total\{account_type="admin"\} 0$/m,
      /^maintain_kubeusers_accounts_removed_total\{account_type="tool"\} 0$/m,
      /^maintain_kubeusers_run_seconds_count 1$/m,
      /^maintain_kubeusers_run_finished \d+/m,
      /^maintain_kubeusers_accounts\{account_type="tool",status="ready"\} 2$/m,
      /^maintain_kubeusers_certificate_expiry_timestamp_seconds \d+/m,
      /^maintain_kubeusers_mass_delete_blocked 0$/m,
    ]) {
      assert.match(text, line);
    }
  });
});
