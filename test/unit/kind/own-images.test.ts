import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { removeOlder, removeUnused } from '../../../cluster/kind/image/own-images.ts';
import { contextWith } from '../toolchain/fake-go.ts';
import { FakeImages } from './fake-images.ts';

const GIB = 1024 ** 3;

for (const name of ['docker', 'podman'] as const) {
  const engine = { name, version: '28.2.2' };

  suite(`images of ours, as ${name} has them`, () => {
    test('those that a new one replaces go, but for those in use', async () => {
      const fake = new FakeImages(name);
      for (const tag of ['node:new', 'node:old', 'node:used', 'node-root:old']) {
        fake.add(`toolforge-local/${tag}`, GIB, tag);
      }
      fake.used = ['toolforge-local/node:used'];
      await removeOlder('toolforge-local/node', 'toolforge-local/node:new', engine, contextOf(fake));
      assert.deepEqual(
        [...fake.images.keys()],
        ['toolforge-local/node:new', 'toolforge-local/node:used', 'toolforge-local/node-root:old'],
      );
    });

    test('those that no container was made of go, with what each had for itself', async () => {
      const fake = new FakeImages(name);
      fake.add('toolforge-local/node-root:1', GIB, 'root');
      fake.add('toolforge-local/node:1', 3 * GIB, 'root', 'programs');
      fake.add('toolforge-local/balancer:1', 7, 'haproxy');
      fake.add('kindest/node:v1.33.0', GIB, 'kinds');
      fake.add('somebody/toolforge-local:1', GIB, 'theirs');
      const removed = await removeUnused(engine, contextOf(fake));
      assert.deepEqual(removed, [
        { name: 'toolforge-local/node:1', bytes: 2 * GIB },
        { name: 'toolforge-local/node-root:1', bytes: GIB },
        { name: 'toolforge-local/balancer:1', bytes: 7 },
      ]);
      assert.deepEqual([...fake.images.keys()], ['kindest/node:v1.33.0', 'somebody/toolforge-local:1']);
    });

    test('those that nodes were made of stay, and what they begin with', async () => {
      const fake = new FakeImages(name);
      fake.add('toolforge-local/node-root:1', GIB, 'root');
      fake.add('toolforge-local/node:used', 3 * GIB, 'root', 'programs');
      fake.add('toolforge-local/node:2', 2 * GIB, 'root', 'others');
      fake.used = ['toolforge-local/node:used'];
      assert.deepEqual(await removeUnused(engine, contextOf(fake)), [
        { name: 'toolforge-local/node:2', bytes: GIB },
      ]);
      assert.deepEqual([...fake.images.keys()], ['toolforge-local/node-root:1', 'toolforge-local/node:used']);
    });
  });
}

const contextOf = (fake: FakeImages) => contextWith(fake, '/cache', '/state');
