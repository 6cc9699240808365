import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { endTransaction } from '../../../lib/ldap/transaction.ts';

suite('the end of a transaction, in BER (RFC 5805, section 2.4)', () => {
  test('a commit leaves the default out', () => {
    assert.deepEqual([...endTransaction(Buffer.from([7, 8]), true)], [0x30, 4, 0x04, 2, 7, 8]);
  });

  test('an abort says so', () => {
    assert.deepEqual([...endTransaction(Buffer.alloc(0), false)], [0x30, 5, 0x01, 1, 0, 0x04, 0]);
  });

  test('an identifier that a short length cannot tell is a bug, not a wrong request', () => {
    assert.throws(() => endTransaction(Buffer.alloc(130), true), /identifier of 130 bytes/);
  });
});
