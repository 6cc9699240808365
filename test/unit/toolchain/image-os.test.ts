import assert from 'node:assert/strict';
import { test } from 'node:test';

// Before anything asks for it: on a machine of another system than images are for.
Object.defineProperty(process, 'platform', { value: 'darwin' });
const { programPaths } = await import('../../../cluster/kind/image/build.ts');
const { resolveBinaries } = await import('../../../cluster/toolchain/resolve.ts');
const { fixture } = await import('./fake-go.ts');

test('programs for images are built for Linux, those for this machine for what it runs', async (t) => {
  const { context, progress, go } = await fixture(t);
  go.lines = [];
  const ref = { module: 'coredns-1.14.7', binary: 'coredns' };
  const forImages = await programPaths([ref], context, progress);
  assert.match(forImages(ref.module, ref.binary), /\/coredns-1\.14\.7-linux-\w+-\w+\/coredns$/);
  const here = await resolveBinaries([ref], context, progress);
  assert.match(here.get('coredns') ?? '', /\/coredns-1\.14\.7-darwin-\w+-\w+\/coredns$/);
  assert.equal(go.count('build'), 2);
});
