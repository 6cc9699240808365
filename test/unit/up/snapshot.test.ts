import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { asSaved } from '../../../components/snapshot.ts';
import { recordOf } from '../../record.ts';

suite('the record of a restored cluster', () => {
  test('has the policies of the snapshot, and the sizes and ports of now', () => {
    const policy = { profile: 'toolforge', action: 'Audit' } as const;
    const saved = recordOf(
      { accountPolicy: policy, podSecurityPolicy: false, kyvernoReplicas: 7, apiPort: 7443 },
      { migration: { stage: 2, policy: { profile: 'toolforge' } } },
    );
    const now = recordOf({ accountPolicy: 'none', kyvernoReplicas: 2 }, { ready: true });
    const { spec, migration, ready } = asSaved(now, saved);
    assert.deepEqual(spec.accountPolicy, policy);
    assert.equal(spec.podSecurityPolicy, false);
    assert.equal(migration?.stage, 2);
    assert.deepEqual([spec.kyvernoReplicas, spec.apiPort, ready], [2, 6443, true]);
  });

  test('forgets a migration that had not begun then', () => {
    const now = recordOf({}, { migration: { stage: 1, policy: { profile: 'psp' } } });
    assert.equal(asSaved(now, recordOf()).migration, undefined);
  });
});
