import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { readLdapSettings } from '../../../components/maintain-kubeusers/accounts/directory.ts';
import { readConfiguration } from '../../../components/maintain-kubeusers/configuration.ts';
import { Failure } from '../../../lib/errors.ts';

const SECRET = 'Xq7secretXq7';

/** Files that somebody edited by hand, each with the line that is wrong. */
const BROKEN = {
  'a quote too many': [`{\n"port": 1,\n"token": "${SECRET}""\n}`, 3],
  'two on a line': [`port: 1\npassword: a: ${SECRET}`, 2],
  'an unquoted @': [`password: @${SECRET}`, 1],
  'an unquoted |': [`password: |${SECRET}\n x`, 1],
  'an unknown tag': [`password: !${SECRET}!x y`, 1],
  'an escape': [`port: 1\npassword: "\\${SECRET}"`, 2],
  'a key twice': [`password: ${SECRET}\npassword: ${SECRET}`, 2],
} as const;
/** What a parser could do with, and say something about, though it is not what is wanted. */
const STRANGE = { 'an alias': `password: *${SECRET}`, 'a tag': `password: !${SECRET} x`, 'a text': SECRET };

suite('files with secrets', () => {
  let root: string;
  let file: string;
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'configuration-'));
    file = path.join(root, 'settings');
    process.on('warning', note);
  });
  after(async () => {
    process.removeListener('warning', note);
    await rm(root, { recursive: true });
  });

  const failureOf = async (read: (file: string) => Promise<unknown>, text: string): Promise<Failure> => {
    await writeFile(file, text);
    const error = await read(file).then(
      () => assert.fail('it was taken'),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof Failure, String(error));
    assert.equal(error.kind, 'usage');
    assert.ok(error.hint !== undefined);
    assert.doesNotMatch(`${error.message} ${error.hint} ${String(error.cause)}`, new RegExp(SECRET));
    return error;
  };

  for (const read of [readConfiguration, readLdapSettings]) {
    for (const [name, [text, line]] of Object.entries(BROKEN)) {
      test(`${read.name}: ${name} is named by its line, and not quoted`, async () => {
        const { why = '' } = await failureOf(read, text);
        assert.ok(why.startsWith(`${file}, line ${line}: `), why);
      });
    }
    for (const [name, text] of Object.entries(STRANGE)) {
      test(`${read.name}: ${name} is not quoted either`, async () => {
        assert.match((await failureOf(read, text)).why ?? '', new RegExp(`^${file}: `));
      });
    }

    test(`${read.name}: a file that is not there is a failure`, async () => {
      await rm(file, { force: true });
      await assert.rejects(read(file), (error) => error instanceof Failure && /ENOENT/.test(error.message));
    });
  }

  test('nothing of them is warned of', async () => {
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(warnings.map(String), []);
  });
});
