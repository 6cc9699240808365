import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  MAX_NAME_LENGTH,
  nameProblem,
  namespaceOf,
  toolOf,
} from '../../../components/maintain-kubeusers/accounts/account.ts';
import {
  readEntries,
  type EntryShape,
} from '../../../components/maintain-kubeusers/accounts/read-entries.ts';
import type { LdapAttributes, LdapEntry } from '../../../lib/ldap/types.ts';
import { zoo } from '../../../seed/accounts/zoo.ts';

const TOOLS: EntryShape = {
  type: 'tool',
  nameAttribute: 'cn',
  namePrefix: 'local.',
  homesDirectory: '/data/project',
};
const ADMINS: EntryShape = { type: 'admin', nameAttribute: 'uid', namePrefix: '', homesDirectory: '/home' };

function tool(name: string, uid: number, more: LdapAttributes = {}): LdapEntry {
  return {
    dn: `uid=local.${name},ou=people,ou=servicegroups,dc=wikimedia,dc=org`,
    attributes: {
      cn: [`local.${name}`],
      uidnumber: [String(uid)],
      homedirectory: [`/data/project/${name}`],
      ...more,
    },
  };
}

const read = (...entries: LdapEntry[]) => readEntries([{ entries, shape: TOOLS }]);

suite('entries of LDAP', () => {
  test('a usable entry becomes an account', () => {
    const { accounts, skipped } = read(tool('tf-test', 50001));
    assert.deepEqual(skipped, []);
    assert.deepEqual(accounts, [
      { type: 'tool', name: 'tf-test', uid: 50001, home: '/data/project/tf-test', disabled: false },
    ]);
  });

  test('either lock attribute disables', () => {
    const { accounts } = read(
      tool('a', 50001, { pwdaccountlockedtime: ['000001010000Z'] }),
      tool('b', 50002, { pwdpolicysubentry: ['cn=disabled,ou=ppolicies,dc=wikimedia,dc=org'] }),
      tool('c', 50003),
    );
    assert.deepEqual(
      accounts.map(({ disabled }) => disabled),
      [true, true, false],
    );
  });

  test('of two that claim one number neither is acted on, not even across types', () => {
    const admin: LdapEntry = {
      dn: 'uid=alice,ou=people,dc=wikimedia,dc=org',
      attributes: { uid: ['alice'], uidnumber: ['50001'], homedirectory: ['/home/alice'] },
    };
    const { accounts, skipped } = readEntries([
      { entries: [tool('a', 50001), tool('b', 50002), tool('c', 50002), tool('d', 50003)], shape: TOOLS },
      { entries: [admin], shape: ADMINS },
    ]);
    assert.deepEqual(
      accounts.map(({ name }) => name),
      ['d'],
    );
    assert.deepEqual(
      skipped.map(({ names, reason }) => [names.join(), reason]),
      [
        ['a', 'uid used twice'],
        ['b', 'uid used twice'],
        ['c', 'uid used twice'],
        ['alice', 'uid used twice'],
      ],
    );
  });

  test('an entry with two names protects both from being taken for removed', () => {
    const { skipped } = read(tool('a', 50001, { cn: ['local.a', 'local.b', 'other.c'] }));
    assert.deepEqual(
      skipped.map(({ names, reason }) => [names, reason]),
      [[['a', 'b'], 'name ambiguous']],
    );
  });

  test('nothing of the zoo becomes an account, and every animal has a reason', () => {
    const entries = zoo().map(({ entry }): LdapEntry => {
      const attributes = Object.entries(entry.attributes).map(
        ([name, values]) => [name.toLowerCase(), values] as const,
      );
      return {
        dn: entry.dn,
        attributes: Object.fromEntries(attributes.filter(([, values]) => values.length > 0)),
      };
    });
    const { accounts, skipped } = read(...entries, tool('tf-test', 50001));
    assert.deepEqual(
      accounts.map(({ name }) => name),
      ['tf-test'],
    );
    assert.equal(skipped.length, entries.length);
    for (const { entry } of skipped) assert.match(entry, /^\P{C}*$/u);
  });

  test('whatever stands in an entry, an account that comes of it is safe to act on', () => {
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('', '..', '.', '/', 'a/../b', '0', '-1', '99999999999', '50001', '/data/project/x'),
    );
    const values = fc.array(fc.oneof(text, fc.uint8Array()), { maxLength: 2 });
    const entries = fc.array(
      fc.record({
        cn: fc.oneof(
          values,
          text.map((name) => [`local.${name}`]),
        ),
        uidnumber: fc.oneof(
          values,
          fc.integer().map((uid) => [String(uid)]),
        ),
        homedirectory: fc.oneof(
          values,
          text.map((name) => [`/data/project/${name}`]),
        ),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(entries, (all) => {
        const { accounts, skipped } = read(...all.map((attributes) => ({ dn: 'cn=x', attributes })));
        assert.equal(accounts.length + skipped.length, all.length);
        for (const { name, uid, home } of accounts) {
          assert.match(name, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
          assert.ok(name.length < 54 && uid >= 1000 && uid < 2 ** 32 - 1);
          assert.equal(home, `/data/project/${name}`);
        }
        assert.equal(new Set(accounts.map(({ uid }) => uid)).size, accounts.length);
      }),
    );
  });
});

suite('names', () => {
  test('a namespace leads back to its tool, and no other namespace to any', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?$/), (name) => {
        assert.equal(nameProblem(name), undefined);
        assert.equal(toolOf(namespaceOf(name)), name);
        // What Kubernetes accepts as a namespace: a label of at most 63 characters.
        assert.ok(namespaceOf(name).length <= 63);
      }),
    );
    for (const namespace of ['default', 'tool-', 'tool-.', 'tools-a', 'maintain-kubeusers']) {
      assert.equal(toolOf(namespace), undefined);
    }
  });

  test('53 characters are the longest', () => {
    assert.equal(nameProblem('a'.repeat(MAX_NAME_LENGTH)), undefined);
    assert.equal(nameProblem('a'.repeat(MAX_NAME_LENGTH + 1)), 'name too long');
  });
});
