import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import {
  haproxyFiles,
  haproxyService,
  writeHAProxyFiles,
  type HAProxyOptions,
} from '../../../components/haproxy/service.ts';
import { Failure } from '../../../lib/errors.ts';
import type { Runner } from '../../../lib/run.ts';

/** Stands in for `haproxy -c`: notes what it was asked and refuses when told to. */
class FakeHAProxy implements Runner {
  readonly checked: string[] = [];
  refuses = false;

  async run(_: string, args: readonly string[]): ReturnType<Runner['run']> {
    this.checked.push(await readFile(args.at(-1) ?? '', 'utf8'));
    if (this.refuses) throw new Failure({ kind: 'environment', what: 'haproxy exited with 1', why: 'no' });
    return { stdout: '', stderr: '', exitCode: 0 };
  }

  attach(): never {
    throw new Error('nothing is attached here');
  }
}

void suite('HAProxy files', () => {
  let root: string;
  let runner: FakeHAProxy;
  let options: HAProxyOptions;
  const { signal } = new AbortController();

  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'hf-'));
    runner = new FakeHAProxy();
    options = {
      directory: path.join(root, 'haproxy'),
      program: '/usr/sbin/haproxy',
      apiPort: 6443,
      statsPort: 8404,
      healthCheck: 'healthz',
      apiservers: [{ name: 'control-plane-1', host: '127.0.0.1', port: 20_005 }],
      services: [],
      statsCertificate: { certificate: 'CERTIFICATE', key: 'KEY' },
    };
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const write = (): Promise<boolean> => writeHAProxyFiles(options, { runner, signal });
  const files = () => haproxyFiles(options.directory);

  test('are ours alone, and hold the certificate before its key', async () => {
    assert.equal(await write(), true);
    for (const file of [files().config, files().certificate, files().password]) {
      assert.equal((await stat(file)).mode & 0o777, 0o600, file);
    }
    assert.equal((await stat(options.directory)).mode & 0o777, 0o700);
    assert.equal(await readFile(files().certificate, 'utf8'), 'CERTIFICATE\nKEY\n');
  });

  test('the second time nothing changes and nothing is run', async () => {
    await write();
    assert.equal(await write(), false);
    assert.equal(runner.checked.length, 1);
  });

  test('the password is random and stays', async () => {
    await write();
    const before = await readFile(files().password, 'utf8');
    assert.match(before, /^[\w-]{24}\n$/);
    options = { ...options, apiPort: 7443 };
    assert.equal(await write(), true);
    assert.equal(await readFile(files().password, 'utf8'), before);
    assert.ok((await readFile(files().config, 'utf8')).includes(before.trim()));
  });

  test('a configuration that HAProxy refuses does not take the place of the old one', async () => {
    await write();
    const before = await readFile(files().config, 'utf8');
    runner.refuses = true;
    options = { ...options, apiPort: 7443 };
    await assert.rejects(write(), Failure);
    assert.equal(await readFile(files().config, 'utf8'), before);
    runner.refuses = false;
    assert.equal(await write(), true, 'and is tried again the next time');
  });

  test('a path too long for a Unix socket is said, with what to do', async () => {
    options = { ...options, directory: path.join(root, 'a'.repeat(100)) };
    await assert.rejects(write(), (error: Failure) => {
      assert.match(error.what, /too long for a Unix socket/);
      assert.match(error.hint ?? '', /--name/);
      return true;
    });
    assert.deepEqual(runner.checked, []);
  });

  test('a new configuration is no reason for the supervisor to restart HAProxy; a new binary is', () => {
    const service = haproxyService(options);
    assert.equal(service.files, undefined);
    assert.deepEqual(haproxyService({ ...options, directory: options.directory }), service);
    assert.notDeepEqual(haproxyService({ ...options, program: '/opt/haproxy' }), service);
  });
});
