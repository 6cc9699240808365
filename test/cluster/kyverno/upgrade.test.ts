import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { freePorts, Rig, type Event } from '../../rig.ts';

const NAME = 'kyup';
const OLD = '1.12.5';
const NEW = '1.18.2';

suite('another Kyverno on a cluster that has policies', () => {
  let rig: Rig;

  before(async () => {
    rig = await Rig.create('tlu');
    await rig.ok('up', '--name', NAME, '--kyverno', OLD, ...(await freePorts()));
    await rig.ok('seed-policies', '--name', NAME, '50');
  });
  after(() => rig.dispose(NAME));

  const status = (): Promise<Event> => rig.status(NAME);
  const policies = async (): Promise<number> =>
    (await rig.ok('kubectl', '--name', NAME, 'get', 'policies', '-A', '-o', 'name')).stdout
      .split('\n')
      .filter((line) => line !== '').length;
  /** As a tool: what its policy refuses. */
  const refusal = async (): Promise<string> => {
    const overrides = '{"spec":{"securityContext":{"runAsNonRoot":false}}}';
    const pod = ['run', 'x', '--image=x', '--dry-run=server', `--overrides=${overrides}`];
    const { exitCode, stderr } = await rig.run('become', '--name', NAME, 'tf-test', '--', 'kubectl', ...pod);
    assert.notEqual(exitCode, 0);
    return stderr;
  };

  test('the old one works', async () => {
    assert.deepEqual((await status())['versions'], {
      ...((await status())['versions'] as object),
      kyverno: OLD,
    });
    assert.equal((await status())['healthy'], true);
    assert.match(await refusal(), /toolforge-validate-pod-policy/);
  });

  test('`up --kyverno` upgrades: CRDs, rights and controllers, without any hook, and all policies stay', async () => {
    const before = await policies();
    const events = await rig.events('up', '--name', NAME, '--kyverno', NEW);
    assert.deepEqual(
      events.filter(({ event }) => event === 'step.failed'),
      [],
    );
    const { healthy, kyverno } = (await status()) as Event & { kyverno: { value: { version: string } } };
    assert.equal(healthy, true);
    assert.equal(kyverno.value.version, NEW);
    assert.equal(await policies(), before);
    assert.match(await refusal(), /toolforge-validate-pod-policy/);
  });

  test('`reset` goes back to before the upgrade, and upgrades what it finds there', async () => {
    await rig.ok('reset', '--name', NAME);
    assert.equal((await status())['healthy'], true);
    assert.match(await refusal(), /toolforge-validate-pod-policy/);
  });

  test('a version that is not pinned is refused, with those that are', async () => {
    const { exitCode, stderr } = await rig.run('up', '--name', NAME, '--kyverno', '1.2.3');
    assert.equal(exitCode, 2);
    assert.match(stderr, /kyverno-1\.12\.5/);
    assert.equal((await status())['healthy'], true);
  });
});
