import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { kindChoice } from '../../../cluster/kind/possible.ts';
import { loadProfile, type Profile } from '../../../cluster/profile.ts';
import { resolveProvider } from '../../../cluster/providers.ts';
import { canFetchNodePackages } from '../../debian.ts';
import type { Context } from '../../../lib/context.ts';
import { FORBIDDEN, machine, STOPPED } from './fake-machine.ts';

const env = { TOOLFORGE_LOCAL_DEBIAN_MIRROR: 'https://mirror.test/debian' };
const engine = { name: 'docker', version: '28.2.2' };
const skip = !(await canFetchNodePackages({ ...machine({}), env })) && 'no apt or no keys of Debian here';

suite('whether `up` picks kind', () => {
  let profile: Profile;
  before(async () => {
    profile = await loadProfile('current');
  });

  test('yes, where Docker answers and packages for node images can be had', { skip }, async () => {
    const context = { ...machine({ docker: '28.2.2' }), env };
    assert.deepEqual(await kindChoice(profile, context), { possible: true, engine });
  });

  test('no, where there is nothing to make node images of', { skip }, async () => {
    const { possible, why, hint, ...rest } = await kindChoice(
      profile,
      machine({ docker: '28.2.2', 'apt-get': '' }),
    );
    assert.equal(possible, false);
    assert.equal(why, 'no node image can be built: this host has no source of Debian packages');
    assert.match(hint ?? '', /^Name a mirror: \S+\.$/);
    assert.deepEqual(rest, { engine });
  });

  test('no, where Docker is too old, stopped or not for this user, and what would help', async () => {
    for (const [docker, why, hint] of [
      ['19.03.15', /^docker 19\.03\.15 answers, but/, /Update/],
      [STOPPED, /^docker: Cannot connect/, /systemctl start/],
      [FORBIDDEN, /^docker: permission denied/, /usermod/],
    ] as const) {
      // Podman is no way out: it is never picked.
      const choice = await kindChoice(profile, machine({ docker, podman: '5.0.1' }));
      assert.equal(choice.possible, false);
      assert.match(choice.why ?? '', why);
      assert.match(choice.hint ?? '', hint);
    }
  });

  test('no, for a profile with PodSecurityPolicy, whether Docker runs or not', async () => {
    const old = await loadProfile('2024');
    for (const docker of ['28.2.2', STOPPED]) {
      const choice = await kindChoice(old, machine({ docker }));
      assert.equal(choice.possible, false);
      assert.match(choice.why ?? '', /^profile 2024 has PodSecurityPolicy/);
      assert.equal(choice.hint, undefined);
    }
  });

  test('no, with Podman alone, which has to be asked for', async () => {
    const choice = await kindChoice(profile, machine({ podman: '5.0.1' }));
    assert.deepEqual(choice, {
      possible: false,
      engine: { name: 'podman', version: '5.0.1' },
      why: 'podman is used with --provider kind only',
    });
  });

  test('no, and nothing to say about it, without any engine', async () => {
    assert.deepEqual(await kindChoice(profile, machine({})), { possible: false });
  });
});

suite('what `up` says of the provider that it took', () => {
  const notes = async (on: Context, asked: 'auto' | 'kind' | 'embedded'): Promise<string[]> => {
    const said: string[] = [];
    const output = { ...on.output, note: (line: string) => void said.push(line) };
    await resolveProvider(asked, await loadProfile('current'), { ...on, output });
    return said;
  };

  test('why it is not kind, in one line, where there is a Docker', async () => {
    assert.deepEqual(await notes(machine({ docker: STOPPED }), 'auto'), [
      'Plain processes, not kind: docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock (`npm run doctor` says what to do)',
    ]);
  });

  test('nothing where there is none, or the provider was asked for', async () => {
    assert.deepEqual(await notes(machine({}), 'auto'), []);
    assert.deepEqual(await notes(machine({ docker: STOPPED }), 'embedded'), []);
  });
});
