import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AccountPolicyChoice } from '../../../cluster/spec.ts';
import { specOf, type UpOptions } from '../../../components/up.ts';

const OPTIONS = { name: 'x', provider: 'embedded', mergeKubeconfig: false } as const;
const policyOf = (asked: Partial<UpOptions>, had?: AccountPolicyChoice): AccountPolicyChoice | undefined => {
  const existing = specOf(OPTIONS, undefined, 'embedded');
  const before = had === undefined ? existing : { ...existing, accountPolicy: had };
  return specOf({ ...OPTIONS, ...asked }, before, 'embedded').accountPolicy;
};

suite('the account policy that `up` is asked for', () => {
  const audited = { profile: 'psp', action: 'Audit' } as const;

  test('nothing asked: as it is, and of a new cluster what its profile says', () => {
    assert.equal(policyOf({}), undefined);
    assert.deepEqual(policyOf({}, audited), audited);
    assert.equal(policyOf({}, 'none'), 'none');
  });

  test('one half asked: the other stays, or is production’s', () => {
    assert.deepEqual(policyOf({ policyAction: 'Enforce' }, audited), { profile: 'psp', action: 'Enforce' });
    assert.deepEqual(policyOf({ accountPolicy: 'toolforge' }, audited), {
      profile: 'toolforge',
      action: 'Audit',
    });
    assert.deepEqual(policyOf({ accountPolicy: 'psp' }, 'none'), { profile: 'psp', action: 'Enforce' });
    assert.deepEqual(policyOf({ policyAction: 'Audit' }), { profile: 'toolforge', action: 'Audit' });
  });

  test('none: no policy, whatever there was', () => {
    assert.equal(policyOf({ accountPolicy: 'none' }, audited), 'none');
  });
});
