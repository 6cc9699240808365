import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import {
  keepOwnSettings,
  ownSettings,
  readOwnSettings,
} from '../../../components/maintain-kubeusers/own-settings.ts';
import { Failure } from '../../../lib/errors.ts';

suite('settings of a person’s own', () => {
  let directory: string;
  let file: string;
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-settings-'));
    file = path.join(directory, 'mine.yaml');
  });
  after(() => rm(directory, { recursive: true }));
  const refusal = async (text: string): Promise<Failure> => {
    await writeFile(file, text);
    const error: unknown = await readOwnSettings(file).catch((reason: unknown) => reason);
    assert.ok(error instanceof Failure);
    assert.equal(error.kind, 'usage');
    return error;
  };

  test('are kept as they were written, for every `up` that comes', async () => {
    await writeFile(file, 'keyAlgorithm: RSA-4096\nquotaOverrides:\n  tf-test: { version: 1, pods: 20 }\n');
    const settings = await readOwnSettings(file);
    assert.deepEqual(settings, {
      keyAlgorithm: 'RSA-4096',
      quotaOverrides: { 'tf-test': { version: 1, pods: 20 } },
    });
    await keepOwnSettings(directory, settings);
    await rm(file);
    assert.deepEqual(await ownSettings(directory), settings);
    const kept = await stat(path.join(directory, 'maintain-kubeusers', 'settings.yaml'));
    assert.equal(kept.mode & 0o777, 0o600);
    await keepOwnSettings(directory, undefined);
    assert.deepEqual(await ownSettings(directory), {});
  });

  test('an empty file sets nothing', async () => {
    await writeFile(file, '# nothing yet\n');
    assert.deepEqual(await readOwnSettings(file), {});
  });

  test('what is wrong is named, and what only `up` decides is refused', async () => {
    assert.match((await refusal('keyAlgorithm: DSA\n')).why ?? '', /keyAlgorithm/);
    assert.match((await refusal('token: of my own\n')).why ?? '', /token/);
    assert.match((await refusal('quotaOverrides: { x: { version: 1, pods: -1 } }\n')).why ?? '', /pods/);
    assert.match((await refusal('a: [\n')).why ?? '', /mine\.yaml/);
  });
});
