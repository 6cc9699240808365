import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { RollOutReader } from '../../../components/maintain-kubeusers/roll-out.ts';
import { SETTINGS } from './fakes.ts';

suite('the file of a roll-out', () => {
  let root: string;
  let file: string;
  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'roll-out-'));
    file = path.join(root, 'roll-out.json');
  });
  after(() => rm(root, { recursive: true }));

  test('is taken up when it changes, and its template read only then', async () => {
    let loaded = 0;
    const reader = new RollOutReader(file, () => {
      loaded += 1;
      return Promise.resolve(SETTINGS.renderPolicy ?? assert.fail());
    });
    const write = (percent: number): Promise<void> =>
      writeFile(file, JSON.stringify({ policy: { profile: 'psp', action: 'Audit' }, percent }));
    assert.equal(await reader.read(), undefined);
    await write(10);
    const first = await reader.read();
    assert.equal(first?.percent, 10);
    assert.equal(await reader.read(), first);
    assert.equal(loaded, 1);
    await write(20);
    assert.equal((await reader.read())?.percent, 20);
    assert.equal(loaded, 2);
    await writeFile(file, '{"percent":200}');
    await assert.rejects(reader.read(), /cannot be read/);
    await rm(file);
    assert.equal(await reader.read(), undefined);
  });
});
