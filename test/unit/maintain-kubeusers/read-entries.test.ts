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
import { PEOPLE_DN } from '../../../components/ldap/tree.ts';
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

function admin(name: string, uid: number, more: LdapAttributes = {}): LdapEntry {
  return {
    dn: `uid=${name},ou=people,dc=wikimedia,dc=org`,
    attributes: { uid: [name], uidnumber: [String(uid)], homedirectory: [`/home/${name}`], ...more },
  };
}

const read = (...entries: LdapEntry[]) => readEntries([{ entries, shape: TOOLS }]);
const readBoth = (tools: LdapEntry[], admins: LdapEntry[]) =>
  readEntries([
    { entries: tools, shape: TOOLS },
    { entries: admins, shape: ADMINS },
  ]);

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
    const { accounts, skipped } = readBoth(
      [tool('a', 50001), tool('b', 50002), tool('c', 50002), tool('d', 50003)],
      [admin('alice', 50001)],
    );
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

  test('a tool with the name of an admin is skipped, and so is the admin, whatever else is wrong with either', () => {
    const locked = { pwdaccountlockedtime: ['000001010000Z'] };
    const homeless = { homedirectory: [] };
    const { accounts, skipped } = readBoth(
      [
        tool('alice', 50001),
        tool('bob', 50002, locked),
        tool('carol', 50003, homeless),
        tool('dave', 50004),
        tool('eve', 50005),
      ],
      [
        admin('alice', 40001),
        admin('bob', 40002),
        admin('carol', 40003),
        admin('dave', 40004, homeless),
        admin('frank', 40005),
      ],
    );
    assert.deepEqual(
      accounts.map(({ type, name }) => `${type} ${name}`),
      ['tool eve', 'admin frank'],
    );
    assert.deepEqual(skipped.map(({ type, names, reason }) => `${type} ${names.join()}: ${reason}`).sort(), [
      'admin alice: name used twice',
      'admin bob: name used twice',
      'admin carol: name used twice',
      'admin dave: home missing',
      'tool alice: name used twice',
      'tool bob: name used twice',
      'tool carol: home missing',
      'tool dave: name used twice',
    ]);
  });

  test('what is spelled in other letters is skipped, and protects who is there', () => {
    const { accounts, skipped } = readBoth(
      [
        tool('a', 50001, { cn: ['Local.a'] }),
        tool('b', 50002, { cn: ['local.b', 'LOCAL.c'] }),
        tool('d', 50003, { cn: ['local.D'] }),
      ],
      [admin('e', 40001, { uid: ['E'] })],
    );
    assert.deepEqual(accounts, []);
    assert.deepEqual(
      skipped.map(({ names, reason }) => [names, reason]),
      [
        [['a'], 'name missing'],
        [['b', 'c'], 'name ambiguous'],
        [['d'], 'name not an RFC 1123 label'],
        [['e'], 'name not an RFC 1123 label'],
      ],
    );
  });

  test('a uid that Kubernetes refuses in runAsUser is skipped', () => {
    const { accounts, skipped } = read(tool('last', 2 ** 31 - 1), tool('over', 2 ** 31));
    assert.deepEqual(
      accounts.map(({ name }) => name),
      ['last'],
    );
    assert.deepEqual(
      skipped.map(({ names, reason }) => [names, reason]),
      [[['over'], 'uid reserved']],
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
    const isAdmin = ({ dn }: LdapEntry): boolean => dn.endsWith(`,${PEOPLE_DN}`);
    const { accounts, skipped } = readBoth(
      [...entries.filter((entry) => !isAdmin(entry)), tool('tf-test', 50001)],
      entries.filter(isAdmin),
    );
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
          assert.ok(name.length < 54 && uid >= 1000 && uid < 2 ** 31);
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
