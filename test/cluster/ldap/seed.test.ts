import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { writeRecord } from '../../../cluster/record.ts';
import {
  bringTreeAbout,
  connectReader,
  GROUPS_DN,
  ldapStatus,
  LOCK_ATTRIBUTES,
  PEOPLE_DN,
  toolDn,
  toolEntries,
  TOOLS_DN,
} from '../../../components/ldap/index.ts';
import {
  LdapDirectory,
  readLdapSettings,
} from '../../../components/maintain-kubeusers/accounts/directory.ts';
import { systemClock } from '../../../lib/clock.ts';
import { acquireLock } from '../../../lib/lock.ts';
import { valuesOf } from '../../../lib/ldap/types.ts';
import { waitFor } from '../../../lib/wait.ts';
import { seedAccounts, zoo, type SeedAccountsRequest } from '../../../seed/accounts/index.ts';
import { recordOf } from '../../record.ts';
import { createRig, type LdapRig } from './rig.ts';

const SCRIPT = path.join(import.meta.dirname, '../../../scripts/seed-accounts.ts');
const seedOf = (count: number): SeedAccountsRequest => ({
  kind: 'seed',
  options: { count, prefix: 'seed', admins: 1 },
});
const DELETE_ALL: SeedAccountsRequest = { kind: 'delete', prefix: 'seed', count: undefined };

/** What there is of seeded tools, as names: accounts, groups, and members of groups that are not there. */
async function seeded(rig: LdapRig): Promise<{ accounts: string[]; groups: string[]; dangling: string[] }> {
  return rig.writer(async (writer) => {
    const attributes = ['cn', 'member'];
    const filter = '(cn=local.seed-*)';
    const accounts = await writer.search(TOOLS_DN, { filter, attributes, scope: 'one' });
    const groups = await writer.search(GROUPS_DN, { filter, attributes, scope: 'one' });
    const people = await writer.search(PEOPLE_DN, {
      filter: '(objectClass=posixAccount)',
      attributes: ['1.1'],
    });
    const known = new Set([...accounts, ...people].map(({ dn }) => dn));
    const names = (entries: typeof accounts) =>
      entries.map((entry) => String(valuesOf(entry, 'cn')[0])).toSorted();
    const members = groups.flatMap((group) => valuesOf(group, 'member').map(String));
    return {
      accounts: names(accounts),
      groups: names(groups),
      dangling: members.filter((member) => !known.has(member)),
    };
  });
}

async function assertWhole(rig: LdapRig, count: number): Promise<void> {
  const { accounts, groups, dangling } = await seeded(rig);
  assert.equal(accounts.length, count);
  assert.deepEqual(groups, accounts);
  assert.deepEqual(dangling, []);
}

suite('seed-accounts', () => {
  let rig: LdapRig;
  before(async () => {
    rig = await createRig();
    await writeRecord(rig.context.paths, recordOf({}, { ready: true }));
  });
  after(() => rig.remove());
  const seed = (...requests: SeedAccountsRequest[]) =>
    seedAccounts(rig.directory, requests, undefined, rig.context);

  test('makes accounts, and a second time nothing', async () => {
    const { created, refused } = await seed(seedOf(150));
    assert.deepEqual([created, refused], [151, []]);
    await assertWhole(rig, 150);
    const again = await seed(seedOf(150));
    assert.deepEqual([again.created, again.changed, again.unchanged], [0, 0, 151]);
  });

  test('mends what someone changed, keeps a lock, and adds only what is missing', async () => {
    await rig.writer(async (writer) => {
      await writer.change({ kind: 'replace', dn: toolDn('seed-0007'), attributes: { uidNumber: ['1'] } });
      await writer.change({ kind: 'delete', dn: `cn=local.seed-0009,${GROUPS_DN}` });
      const attributes = { pwdAccountLockedTime: ['000001010000Z'] };
      await writer.change({ kind: 'replace', dn: toolDn('seed-0011'), attributes });
    });
    const { created, changed, unchanged } = await seed(seedOf(160));
    assert.deepEqual([created, changed, unchanged], [10, 2, 149]);
    await assertWhole(rig, 160);
    const locked = await rig.writer((writer) => writer.read(toolDn('seed-0011'), LOCK_ATTRIBUTES));
    assert.deepEqual(locked?.attributes, { pwdaccountlockedtime: ['000001010000Z'] });
  });

  test('takes the first ones away, then all, and leaves the default accounts alone', async () => {
    assert.equal((await seed({ kind: 'delete', prefix: 'seed', count: 60 })).unchanged, 100);
    await assertWhole(rig, 100);
    await seed(DELETE_ALL);
    await assertWhole(rig, 0);
    const { content } = await ldapStatus(rig.cluster, rig.context.signal);
    assert.deepEqual(content, { tools: 3, locked: 0, people: 1 });
    assert.equal(await bringTreeAbout(rig.directory, rig.context), 0);
  });

  test('stops before it writes when an entry of that name is somebody else’s', async () => {
    const [entry] = toolEntries({ name: 'seed-0003', uid: 59_000, maintainers: [] });
    await rig.writer((writer) => writer.change({ kind: 'add', ...entry }));
    await assert.rejects(seed(seedOf(5)), { kind: 'foreign' });
    await seed(DELETE_ALL);
    assert.deepEqual((await seeded(rig)).accounts, ['local.seed-0003']);
    await rig.writer((writer) => writer.change({ kind: 'delete', dn: entry.dn }));
  });

  test('two runs at once are one too many', async () => {
    const { clock, signal } = rig.context;
    const lock = path.join(rig.directory, 'seed-accounts.lock');
    const release = await acquireLock(lock, { command: 'seed-accounts', clock, signal });
    await assert.rejects(seed(seedOf(1)), { kind: 'busy' });
    await release();
    await seed(seedOf(1));
    await seed(DELETE_ALL);
  });

  test('tells the cluster how many go before they go, and waits for it in the end', async () => {
    const told: unknown[] = [];
    const cluster = {
      async expectRemoval(accounts: number) {
        told.push(accounts, (await seeded(rig)).accounts.length);
      },
      async settle() {
        told.push((await seeded(rig)).accounts.length);
        return 'settled';
      },
    };
    await seed(seedOf(12));
    await seedAccounts(rig.directory, [{ kind: 'delete', prefix: 'seed', count: 5 }], cluster, rig.context);
    assert.deepEqual(told, [5, 12, 7]);
    assert.match(rig.said(), /"id":"accounts.settle".*settled/);
    await seed(DELETE_ALL);
  });

  test('the zoo loads as it is, is skipped entry by entry, and goes again', async () => {
    const { created, refused } = await seed({ kind: 'zoo' });
    assert.deepEqual([created, refused], [zoo().length, []]);
    assert.equal((await seed({ kind: 'zoo' })).unchanged, zoo().length);
    const reader = await connectReader(rig.cluster, rig.context.signal);
    for (const { entry } of zoo()) {
      const names = ['cn', 'uidNumber', 'homeDirectory'].filter(
        (name) => entry.attributes[name] !== undefined,
      );
      const found = await reader.read(entry.dn, ['cn', 'uidNumber', 'homeDirectory']);
      for (const name of names) {
        const bytes = (values: readonly (string | Uint8Array)[] = []) =>
          values.map((value) => Buffer.from(value as string).toString('hex')).toSorted();
        assert.deepEqual(
          bytes(found?.attributes[name.toLowerCase()]),
          bytes(entry.attributes[name]),
          entry.dn,
        );
      }
      assert.equal(Object.keys(found?.attributes ?? {}).length, names.length, entry.dn);
    }
    await reader.close();

    const settings = await readLdapSettings(path.join(rig.directory, 'ldap.yaml'));
    const directory = new LdapDirectory(settings, rig.context.signal);
    const { accounts, skipped } = await directory.read();
    await directory.close();
    assert.deepEqual(accounts.map(({ name }) => name).toSorted(), [
      'fourohfour',
      'tf-admin',
      'tf-test',
      'tf-test2',
    ]);
    assert.equal(skipped.length, zoo().length);

    assert.equal((await seed({ kind: 'delete-zoo' })).deleted, zoo().length);
    const { content } = await ldapStatus(rig.cluster, rig.context.signal);
    assert.deepEqual(content, { tools: 3, locked: 0, people: 1 });
  });

  /** Runs the command as people do, with a signal sent to it at a moment of our choice. */
  async function command(
    args: readonly string[],
    kill?: { readonly signal: NodeJS.Signals; readonly when: () => Promise<unknown> },
  ): Promise<{ code: number | null; output: string }> {
    // The rig's directory is the cluster's; the state root is what holds a cluster of that name.
    const env = { ...process.env, XDG_STATE_HOME: rig.stateHome };
    const child = spawn(process.execPath, [SCRIPT, ...args, '--json'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    const closed = once(child, 'close') as Promise<[number | null]>;
    if (kill !== undefined) {
      await kill.when();
      child.kill(kill.signal);
    }
    const [code] = await closed;
    return { code, output };
  }

  /** Returns as soon as some accounts are there, with most of them still to come. */
  const underWay = () =>
    rig.writer((writer) =>
      waitFor(
        'some accounts',
        async () => {
          const { dn } = (await writer.read(toolDn('seed-0100'), ['1.1'])) ?? {};
          return dn;
        },
        { clock: systemClock, signal: rig.context.signal, timeoutMs: 30_000, maxPauseMs: 10 },
      ),
    );

  test('the command killed in the middle leaves no half tool, and the next goes on', async () => {
    const pid = await rig.pid();
    const killed = await command(['3000', '--no-wait'], { signal: 'SIGKILL', when: underWay });
    assert.equal(killed.code, null, killed.output);
    const { accounts } = await seeded(rig);
    assert.ok(accounts.length > 0 && accounts.length < 3000, String(accounts.length));
    await assertWhole(rig, accounts.length);
    const { code, output } = await command(['3000', '--no-wait']);
    assert.equal(code, 0, output);
    const created = /"event":"summary","created":(\d+)/.exec(output)?.[1];
    assert.equal(Number(created), 3000 - accounts.length);
    assert.match(output, /"event":"progress","name":"write","total":\d+,"done":0/);
    await assertWhole(rig, 3000);
    assert.equal(await rig.pid(), pid, 'the server must not have minded');
    await seed(DELETE_ALL);
  });

  test('Ctrl-C ends it cleanly with 130, and the next goes on', async () => {
    const stopped = await command(['3000', '--no-wait'], { signal: 'SIGINT', when: underWay });
    assert.equal(stopped.code, 130, stopped.output);
    assert.match(stopped.output, /"kind":"interrupted"/);
    const { accounts } = await seeded(rig);
    assert.ok(accounts.length < 3000);
    await assertWhole(rig, accounts.length);
    await seed(seedOf(3000));
    await assertWhole(rig, 3000);
    await seed(DELETE_ALL);
  });

  test('a server killed in the middle is waited for, and nothing is missing in the end', async () => {
    const seeding = seed(seedOf(3000));
    await underWay();
    await rig.kill();
    const { refused, unchanged } = await seeding;
    assert.deepEqual(refused, []);
    assert.ok(unchanged > 0, 'it had to start again');
    await assertWhole(rig, 3000);
    assert.equal((await seed(seedOf(3000))).unchanged, 3001);
    await seed(DELETE_ALL);
  });

  test('locks and unlocks by name', async () => {
    assert.match((await command(['--lock', 'tf-test'])).output, /"locked":true,"changed":true/);
    const { content } = await ldapStatus(rig.cluster, rig.context.signal);
    assert.deepEqual(content, { tools: 3, locked: 1, people: 1 });
    assert.match((await command(['--unlock', 'tf-test'])).output, /"locked":false,"changed":true/);
    assert.equal((await command(['--lock', 'nobody'])).code, 2);
  });
});
