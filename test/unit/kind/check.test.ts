import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { BALANCER_IMAGE } from '../../../cluster/kind/image/balancer.ts';
import { nodeReference } from '../../../cluster/kind/image/node.ts';
import { layout } from '../../../cluster/kind/layout.ts';
import { kind } from '../../../cluster/kind/provider.ts';
import { loadProfile } from '../../../cluster/profile.ts';
import { clusterDirectory } from '../../../cluster/record.ts';
import { canFetchNodePackages } from '../../debian.ts';
import type { Context } from '../../../lib/context.ts';
import type { Runner } from '../../../lib/run.ts';
import { recordOf } from '../../record.ts';
import { contextWith } from '../toolchain/fake-go.ts';
import { temporary } from './cached-programs.ts';
import { FakeImages } from './fake-images.ts';
import { machine } from './fake-machine.ts';

const env = { TOOLFORGE_LOCAL_DEBIAN_MIRROR: 'https://mirror.test/debian' };
const skip = !(await canFetchNodePackages({ ...machine({}), env })) && 'no apt or no keys of Debian here';

/** A Docker that has these images, on a machine that has nowhere to get Debian's packages from. */
async function without(t: TestContext, ...images: string[]): Promise<Context> {
  const fake = new FakeImages();
  for (const image of images) fake.add(image, 1, image);
  const { cache, state } = await temporary(t);
  const runner: Runner = {
    attach: () => Promise.reject(new Error('nothing is attached here')),
    run: (program, args, options) =>
      program === 'apt-get'
        ? Promise.resolve({ stdout: '', stderr: '', exitCode: 0 })
        : fake.run(program, args, options),
  };
  return contextWith(runner, cache, state);
}

const checkOf = async (context: Context, profile = 'current', controlPlanes = 1): Promise<void> =>
  kind.check(recordOf({ provider: 'kind', controlPlanes }).spec, await loadProfile(profile), context);

const impossible = { kind: 'environment', what: 'Images for nodes cannot be built on this machine' };

suite('before anything is made on kind', () => {
  test('a machine without Debian’s packages is refused', async (t) => {
    await assert.rejects(checkOf(await without(t)), { ...impossible, hint: /--provider embedded\.$/ });
  });

  test('one that can have them is not', { skip }, async (t) => {
    await checkOf({ ...(await without(t)), env });
    await checkOf({ ...(await without(t)), env }, 'production', 3);
  });

  test('nor one whose engine has all images, the balancer’s among them', async (t) => {
    const node = await nodeReference(await loadProfile('current'), machine({}));
    await checkOf(await without(t, node));
    await assert.rejects(checkOf(await without(t, node), 'current', 3), impossible);
    await checkOf(await without(t, node, BALANCER_IMAGE), 'current', 3);
  });

  test('a node image that is pulled still lacks the one of tools’ pods', async (t) => {
    const node = await nodeReference(await loadProfile('production'), machine({}));
    await assert.rejects(checkOf(await without(t, node), 'production'), {
      ...impossible,
      hint: /--provider embedded with another profile\.$/,
    });
  });

  test('nodes that there are need nothing', async (t) => {
    const context = await without(t);
    const files = layout(clusterDirectory(context.paths, recordOf().spec.name));
    const image = { reference: 'toolforge-local/node:old', origin: 'built', kubernetes: '1.33.13' };
    await mkdir(path.dirname(files.created), { recursive: true });
    await writeFile(files.created, JSON.stringify({ image, nodes: [] }));
    await checkOf(context, 'current', 3);
  });
});
