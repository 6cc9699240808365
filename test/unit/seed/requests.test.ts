import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { requestsOf } from '../../../seed/accounts/requests.ts';

const asked = { prefix: 'seed', admins: 2, delete: false, malformed: false };

suite('what seed-accounts is asked for', () => {
  test('accounts, the zoo, or both', () => {
    const seed = { kind: 'seed', options: { count: 5, prefix: 'seed', admins: 2 } };
    assert.deepEqual(requestsOf({ ...asked, count: 5 }), [seed]);
    assert.deepEqual(requestsOf({ ...asked, malformed: true }), [{ kind: 'zoo' }]);
    assert.deepEqual(requestsOf({ ...asked, count: 5, malformed: true }), [seed, { kind: 'zoo' }]);
  });

  test('a deletion of the zoo does not touch the accounts, and none of all accounts does not touch the zoo', () => {
    const remove = { ...asked, delete: true };
    assert.deepEqual(requestsOf({ ...remove, malformed: true }), [{ kind: 'delete-zoo' }]);
    assert.deepEqual(requestsOf(remove), [{ kind: 'delete', prefix: 'seed', count: undefined }]);
    assert.deepEqual(requestsOf({ ...remove, count: 3, malformed: true }), [
      { kind: 'delete', prefix: 'seed', count: 3 },
      { kind: 'delete-zoo' },
    ]);
  });
});
