import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test } from 'node:test';
import { systemRunner } from '../../../lib/run.ts';
import { hasApt } from '../../../cluster/toolchain/debian.ts';
import { resolveHostTools } from '../../../cluster/toolchain/host-tools.ts';
import { contextWith } from '../../unit/toolchain/fake-go.ts';

suite('Debian packages, with real apt', { skip: (await hasApt()) ? false : 'no apt here' }, () => {
  test('runit is downloaded, verified, unpacked and runs; the second time no process is started', async (t) => {
    const root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
    t.after(() => rm(root, { recursive: true, force: true }));
    const cache = path.join(root, 'cache');
    const context = contextWith(systemRunner, cache, path.join(root, 'state'));
    const said: string[] = [];
    const tools = await resolveHostTools(['runsv', 'sv', 'svlogd', 'chpst'], context, {
      update: (text) => said.push(text),
    });
    const { program, env } = tools.get('chpst');
    assert.ok(program.startsWith(cache));
    const { stdout } = await systemRunner.run(program, ['-e', root, 'echo', 'ran'], { env });
    assert.equal(stdout, 'ran');
    assert.match(said[0] ?? '', /^Debian packages: reading the package lists, /);
    assert.deepEqual((await readdir(path.join(cache, 'debian'))).length, 1, 'only the unpacked set is left');
    assert.throws(() => tools.get('haproxy'), /was not resolved/);

    const nothing = {
      run: () => Promise.reject(new Error('a process was started')),
      attach: () => Promise.reject(new Error('a process was started')),
    };
    const again = await resolveHostTools(['sv'], contextWith(nothing, cache, root), {
      update: () => undefined,
    });
    assert.equal(again.get('sv').program, tools.get('sv').program);
  });

  test('without a network, and nothing installed: says what apt said', async (t) => {
    const root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
    t.after(() => rm(root, { recursive: true, force: true }));
    const offline = {
      ...systemRunner,
      run: (program: string, args: readonly string[], options = {}) =>
        systemRunner.run(
          program,
          program === 'apt-get' ? ['-o', 'Acquire::http::Proxy=http://127.0.0.1:9', ...args] : args,
          options,
        ),
    };
    const context = contextWith(offline, path.join(root, 'cache'), path.join(root, 'state'));
    await assert.rejects(
      resolveHostTools(['haproxy'], { ...context, env: { PATH: '' } }, { update: () => undefined }),
      {
        kind: 'environment',
        what: 'apt could not provide haproxy',
        why: /127\.0\.0\.1/,
        hint: /network/,
      },
    );
    assert.deepEqual(await readdir(path.join(root, 'cache', 'debian')), []);
  });
});
