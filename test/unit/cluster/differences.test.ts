import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { differencesFromProduction, type Difference } from '../../../cluster/differences.ts';
import { PRODUCTION } from '../../../cluster/production.ts';
import { loadProfile } from '../../../cluster/profile.ts';
import type { ClusterSpec } from '../../../cluster/spec.ts';

const SPEC: ClusterSpec = {
  name: 'toolforge',
  provider: 'embedded',
  profile: 'current',
  controlPlanes: PRODUCTION.controlPlanes,
  controlPlaneMemory: PRODUCTION.controlPlaneMemory,
  kyvernoReplicas: PRODUCTION.kyvernoReplicas,
  healthCheck: PRODUCTION.healthCheck,
  apiPort: PRODUCTION.apiPort,
  statsPort: PRODUCTION.statsPort,
};

suite('where a cluster differs from production', () => {
  test('what a person chose as production has it is not named; what they chose otherwise is', async () => {
    const profile = await loadProfile('current');
    const named = (spec: ClusterSpec): string[] =>
      differencesFromProduction(spec, profile).map(({ what }) => what);
    assert.ok(!named(SPEC).includes('control planes'));
    assert.ok(named({ ...SPEC, controlPlanes: 1 }).includes('control planes'));
  });

  test('plain processes deviate as their profile says, each with a reason', async () => {
    const profile = await loadProfile('current');
    const rows = differencesFromProduction(SPEC, profile);
    const onKind = differencesFromProduction({ ...SPEC, provider: 'kind' }, profile);
    const named = (given: readonly Difference[], start: string): boolean =>
      given.some(({ what, why }) => what.startsWith(start) && why !== undefined);
    assert.deepEqual([named(rows, '--bind-address'), named(onKind, '--bind-address')], [true, false]);
    assert.deepEqual([named(rows, '--quota-backend'), named(onKind, '--quota-backend')], [true, true]);
    assert.ok(onKind.some(({ what }) => what === 'pod network'));
  });
});
