import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { applyTogether, changesFor } from '../../../components/ldap/index.ts';
import { LdapError, RESULT } from '../../../lib/ldap/errors.ts';
import type { LdapClient } from '../../../lib/ldap/client.ts';
import type { LdapChange } from '../../../lib/ldap/types.ts';
import { Directory } from './directory.ts';

const WANTED = {
  dn: 'cn=local.one,ou=servicegroups',
  attributes: { objectClass: ['groupOfNames'], cn: ['local.one'], member: ['uid=a', 'uid=b'] },
};

function directoryWith(attributes: Record<string, string[]>): Directory {
  const directory = new Directory();
  directory.apply([{ kind: 'add', dn: WANTED.dn.toUpperCase(), attributes }]);
  return directory;
}

suite('bringing an entry about', () => {
  test('adds one that is missing, and then has nothing more to do', () => {
    const directory = new Directory();
    directory.apply(changesFor(WANTED, directory.known));
    assert.deepEqual(directory.names, [WANTED.dn]);
    assert.deepEqual(changesFor(WANTED, directory.known), []);
  });

  test('replaces what differs, and leaves attributes that nobody asked about', () => {
    const directory = directoryWith({ ...WANTED.attributes, cn: ['local.other'], description: ['kept'] });
    const changes = changesFor(WANTED, directory.known);
    assert.deepEqual(changes, [{ kind: 'replace', dn: WANTED.dn, attributes: { cn: ['local.one'] } }]);
    directory.apply(changes);
    assert.deepEqual(changesFor(WANTED, directory.known), []);
    assert.deepEqual(directory.known.get(WANTED.dn)?.attributes['description'], ['kept']);
  });

  test('one value too many is a difference', () => {
    const directory = directoryWith({ ...WANTED.attributes, cn: ['local.one', 'local.two'] });
    assert.deepEqual(changesFor(WANTED, directory.known), [
      { kind: 'replace', dn: WANTED.dn, attributes: { cn: ['local.one'] } },
    ]);
  });

  test('adds missing members and keeps those that someone added', () => {
    const directory = directoryWith({ ...WANTED.attributes, member: ['uid=b', 'uid=someone'] });
    assert.deepEqual(changesFor(WANTED, directory.known), [
      { kind: 'add-values', dn: WANTED.dn, attributes: { member: ['uid=a'] } },
    ]);
  });

  test('bytes are compared as bytes', () => {
    const dn = 'uid=x';
    const directory = new Directory();
    directory.apply([{ kind: 'add', dn, attributes: { home: [Buffer.from([0xff, 0x01])] } }]);
    assert.deepEqual(
      changesFor({ dn, attributes: { home: [Uint8Array.of(0xff, 0x01)] } }, directory.known),
      [],
    );
    assert.equal(changesFor({ dn, attributes: { home: [Uint8Array.of(0xff)] } }, directory.known).length, 1);
  });
});

suite('changes that belong together', () => {
  const change = (dn: string): LdapChange => ({ kind: 'delete', dn });
  const refusal = new LdapError('it', RESULT.noSuchObject, 'not there');

  /** A server that refuses one change; `silent`: that does not answer. */
  class Server implements Pick<LdapClient, 'transaction' | 'change'> {
    readonly done: string[] = [];
    readonly error: LdapError;

    constructor(error: LdapError) {
      this.error = error;
    }

    transaction(changes: readonly LdapChange[]): Promise<void> {
      if (changes.some(({ dn }) => dn === 'bad')) return Promise.reject(this.error);
      this.done.push(...changes.map(({ dn }) => dn));
      return Promise.resolve();
    }

    change(one: LdapChange): Promise<void> {
      return this.transaction([one]);
    }
  }

  test('a refused change is named, and the others are made', async () => {
    const server = new Server(refusal);
    const refused = await applyTogether(server, [change('a'), change('bad'), change('b')]);
    assert.deepEqual(server.done, ['a', 'b']);
    assert.deepEqual(refused, [{ change: change('bad'), error: refusal }]);
  });

  test('a server that does not answer ends it: nothing is tried one by one', async () => {
    const server = new Server(new LdapError('it', RESULT.noAnswer, 'gone'));
    await assert.rejects(applyTogether(server, [change('a'), change('bad')]), { code: RESULT.noAnswer });
    assert.deepEqual(server.done, []);
  });
});
