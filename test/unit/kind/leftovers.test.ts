import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Engine } from '../../../cluster/kind/engine.ts';
import { platformImages } from '../../../cluster/kind/image/components.ts';
import { buildContainer } from '../../../cluster/kind/image/entries.ts';
import { buildNodeImage } from '../../../cluster/kind/image/node.ts';
import { loadMissingImages } from '../../../cluster/kind/load-images.ts';
import { loadProfile } from '../../../cluster/profile.ts';
import { Failure } from '../../../lib/errors.ts';
import { systemRunner, type Runner } from '../../../lib/run.ts';
import { recordOf } from '../../record.ts';
import { contextWith } from '../toolchain/fake-go.ts';
import { cachePrograms, temporary } from './cached-programs.ts';
import { FakeImages } from './fake-images.ts';

const engine: Engine = { name: 'docker', version: '28.2.2' };
const progress = { update: () => undefined };

suite('what builds leave behind', () => {
  test('the container of a killed one is removed before the next begins', async (t) => {
    const { cache, state } = await temporary(t);
    const profile = await loadProfile('current');
    await cachePrograms(profile, cache);
    const fake = new FakeImages();
    // It ends where it would ask apt, which is not there.
    await assert.rejects(buildNodeImage(profile, engine, contextWith(fake, cache, state), progress), {
      kind: 'environment',
    });
    assert.deepEqual(fake.changes, [`rm --force --volumes ${buildContainer(cache)}`]);
  });

  test('the container of another cache’s build is another one', () => {
    assert.match(buildContainer('/cache'), /^toolforge-local-build-[0-9a-f]{8}$/);
    assert.notEqual(buildContainer('/cache'), buildContainer('/another'));
  });
});

/** A node that lacks Kyverno's images, and its engine, in which some commands fail; archives are made for real. */
class FakeNode implements Runner {
  readonly done: string[] = [];
  readonly #held: string;
  readonly #failing: readonly string[];

  constructor(held: readonly string[], failing: readonly string[]) {
    this.#held = held.map((image) => `docker.io/${image}`).join('\n');
    this.#failing = failing;
  }

  run: Runner['run'] = (program, args, options) => {
    if (program === 'tar') return systemRunner.run(program, args, options);
    const command = args[0] === 'exec' ? args.slice(2).join(' ') : (args[0] ?? '');
    if (command.endsWith('images list --quiet')) return answer(this.#held);
    this.done.push(command);
    if (!this.#failing.some((failing) => command.startsWith(failing))) return answer('');
    return Promise.reject(new Failure({ kind: 'environment', what: `${command} failed` }));
  };

  attach(): Promise<number> {
    throw new Error('not used');
  }
}

function answer(stdout: string): ReturnType<Runner['run']> {
  return Promise.resolve({ stdout, stderr: '', exitCode: 0 });
}

suite('the archive in a node', () => {
  const ARCHIVE = '/var/lib/toolforge-local-images.tar';

  for (const [title, failing, steps] of [
    ['goes once its images are loaded', [], ['cp', 'ctr', 'rm']],
    ['goes where it could not be copied whole', ['cp'], ['cp', 'rm']],
    ['goes where it could not be loaded', ['ctr'], ['cp', 'ctr', 'rm']],
    ['stays where nothing can be removed, and the first failure is told', ['cp', 'rm'], ['cp', 'rm']],
  ] as const) {
    test(title, async (t) => {
      const { cache, state } = await temporary(t);
      const profile = await loadProfile('current');
      await cachePrograms(profile, cache);
      const others = platformImages(profile).filter(({ packages }) => packages !== undefined);
      const node = new FakeNode(
        others.map(({ reference }) => reference),
        failing,
      );
      const record = recordOf({ name: 'c', provider: 'kind' });
      const load = loadMissingImages(record, profile, engine, contextWith(node, cache, state), progress);
      const [first] = failing;
      if (first === undefined) assert.equal(await load, '5 loaded');
      else await assert.rejects(load, { what: new RegExp(`^${first}.* failed$`) });
      assert.deepEqual(
        node.done.map((command) => command.split(' ')[0]),
        steps,
      );
      assert.equal(node.done.at(-1), `rm -f ${ARCHIVE}`);
    });
  }
});
