import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import type { Context } from '../../../lib/context.ts';
import type { Runner, RunOptions, RunResult } from '../../../lib/run.ts';
import { aptFailure, parseDownload, parseSimulation } from '../../../cluster/toolchain/apt.ts';
import { debianEntry, unpackedSet, unpackSets } from '../../../cluster/toolchain/debian.ts';
import { parseOsRelease } from '../../../cluster/toolchain/host-programs.ts';
import { slapdFiles } from '../../../cluster/toolchain/host-tools.ts';
import { findProgram, searchDirectories } from '../../../cluster/toolchain/path-tools.ts';
import { contextWith } from './fake-go.ts';

const SIMULATION = [
  'Inst liblua5.3-0 (5.3.6-2 Debian:12.15/oldstable [amd64])',
  'Inst haproxy [2.6.12-1+deb12u3] (2.6.12-1+deb12u4 Debian-Security:12/oldstable-security [amd64])',
  'Inst libfoo:i386 (1:2.0~rc1-1 Ubuntu:24.04/noble, Ubuntu:24.04/noble-updates [i386]) []',
  'Conf haproxy (2.6.12-1+deb12u4 Debian-Security:12/oldstable-security [amd64])',
  'Remv something [1.0]',
];

suite('what apt prints', () => {
  test('packages to install, with their versions, and nothing else', () => {
    assert.deepEqual(parseSimulation(SIMULATION), [
      { name: 'liblua5.3-0', version: '5.3.6-2' },
      { name: 'haproxy', version: '2.6.12-1+deb12u4' },
      { name: 'libfoo:i386', version: '1:2.0~rc1-1' },
    ]);
  });

  test('downloads', () => {
    const line = 'Get:4 http://mirror.test/debian bookworm/main amd64 Packages [8790 kB]';
    assert.equal(parseDownload(line), 'bookworm/main amd64 Packages [8790 kB]');
    assert.equal(parseDownload('Fetched 13.9 MB in 3s (5123 kB/s)'), undefined);
  });

  test('what cannot be verified is told from what cannot be reached', () => {
    const unverified = aptFailure(
      ['runit'],
      ["W: GPG error: the following signatures couldn't be verified: NO_PUBKEY 123"],
    );
    assert.match(unverified.hint ?? '', /could not verify/);
    const unreached = aptFailure(
      ['runit'],
      ["W: Failed to fetch x  Could not resolve 'mirror.test'", 'E: Unable to locate package runit'],
    );
    assert.match(unreached.hint ?? '', /network/);
    assert.match(unreached.why ?? '', /Could not resolve/);
  });

  test('os-release, with and without quotes', () => {
    const fields = parseOsRelease('ID=ubuntu\nVERSION_CODENAME="noble"\nNAME=\'A "B"\'\n# text\n');
    assert.deepEqual(
      [...fields],
      [
        ['ID', 'ubuntu'],
        ['VERSION_CODENAME', 'noble'],
        ['NAME', 'A "B"'],
      ],
    );
  });
});

/** In place of apt and dpkg-deb: haproxy needs one library, which the host lacks. */
class FakeApt implements Runner {
  readonly calls: string[] = [];
  updateComplaints: string[] = [];
  known = true;
  version = '2.6.12';

  async run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const name = path.basename(program);
    const command = name === 'apt-get' ? (args.find((arg) => /^[a-z]+$/.test(arg)) ?? '') : '';
    this.calls.push([name, command].join(' ').trim());
    const say = (lines: readonly string[]): void => {
      for (const line of lines) options.onLine?.(line);
    };
    if (command === 'update') say(this.updateComplaints);
    if (command === 'install') {
      say(this.known ? SIMULATION.slice(0, 2) : ['E: Unable to locate package haproxy']);
      return answer('', this.known ? 0 : 100);
    }
    if (command === 'download')
      for (const file of args.slice(args.indexOf('download') + 1))
        await writeFile(path.join(options.cwd ?? '', `${file.replace('=', '_')}.deb`), '');
    if (name === 'dpkg-deb') await this.#unpack(args[1] ?? '', args[2] ?? '');
    if (name === 'haproxy') return answer(`HAProxy version ${this.version}-1 2026/01/01\n +PROMEX\n`);
    return answer('');
  }

  async #unpack(archive: string, root: string): Promise<void> {
    const haproxy = path.basename(archive).startsWith('haproxy_');
    const file = path.join(root, haproxy ? 'usr/sbin/haproxy' : 'usr/lib/x86_64-linux-gnu/liblua5.3.so.0');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, 'x', { mode: 0o755 });
  }

  attach(): Promise<number> {
    throw new Error('not used');
  }
}

function answer(stdout: string, exitCode = 0): RunResult {
  return { stdout, stderr: '', exitCode };
}

async function debian(t: TestContext): Promise<{ apt: FakeApt; context: Context; root: string }> {
  const root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const apt = new FakeApt();
  return { apt, root, context: contextWith(apt, path.join(root, 'cache'), path.join(root, 'state')) };
}

const silent = { update: () => undefined };

suite('sets of Debian packages', () => {
  test('are unpacked once, with the libraries that the host lacks', async (t) => {
    const { apt, context, root } = await debian(t);
    await unpackSets(['haproxy'], context, silent);
    const kept = await unpackedSet(await debianEntry('haproxy', context.paths.cache));
    const tool = kept?.tools.get('haproxy');
    assert.equal(tool?.program, path.join(tool?.root ?? '', 'usr/sbin/haproxy'));
    assert.equal(tool.env['LD_LIBRARY_PATH'], path.join(tool.root, 'usr/lib/x86_64-linux-gnu'));
    assert.deepEqual(kept?.packages, parseSimulation(SIMULATION.slice(0, 2)));
    assert.deepEqual((await readdir(path.join(root, 'cache', 'debian'))).length, 1);
    const calls = apt.calls.length;
    await unpackSets(['haproxy'], context, silent);
    assert.equal(apt.calls.length, calls);
  });

  test('a set that lost a program is unpacked again', async (t) => {
    const { context } = await debian(t);
    await unpackSets(['haproxy'], context, silent);
    const entry = await debianEntry('haproxy', context.paths.cache);
    await rm(path.join(entry.directory, 'root/usr/sbin/haproxy'));
    assert.equal(await unpackedSet(entry), undefined);
    await unpackSets(['haproxy'], context, silent);
    assert.ok((await unpackedSet(entry)) !== undefined);
  });

  test('a version that is too old never reaches the cache', async (t) => {
    const { apt, context } = await debian(t);
    apt.version = '2.2.9';
    await assert.rejects(unpackSets(['haproxy'], context, silent), {
      kind: 'environment',
      why: /2\.2\.9 is too old/,
    });
    assert.deepEqual(await readdir(path.join(context.paths.cache, 'debian')), []);
  });

  test('a source that does not answer is the reason only where it is needed', async (t) => {
    const { apt, context } = await debian(t);
    apt.updateComplaints = ["W: Failed to fetch http://other.test Could not resolve 'other.test'"];
    apt.known = false;
    await assert.rejects(unpackSets(['haproxy'], context, silent), { why: /Could not resolve/ });
    apt.known = true;
    await unpackSets(['haproxy'], context, silent);
  });
});

suite('programs that are installed', () => {
  test('are looked for on PATH and among system programs; on macOS in Homebrew’s openldap first', () => {
    const env = { PATH: '/home/me/bin:/usr/bin:relative' };
    const linux = searchDirectories('openldap', env, 'linux');
    assert.deepEqual(linux, ['/home/me/bin', '/usr/bin', '/usr/local/sbin', '/usr/sbin', '/sbin']);
    assert.equal(searchDirectories('openldap', env, 'darwin')[0], '/opt/homebrew/opt/openldap/libexec');
    assert.equal(searchDirectories('haproxy', env, 'darwin')[0], '/home/me/bin');
  });

  test('are found where they can be run', async (t) => {
    const { root } = await debian(t);
    await mkdir(path.join(root, 'a'));
    await mkdir(path.join(root, 'b'));
    await writeFile(path.join(root, 'a', 'sv'), 'text', { mode: 0o644 });
    await writeFile(path.join(root, 'b', 'sv'), 'text');
    await chmod(path.join(root, 'b', 'sv'), 0o755);
    const directories = ['a', 'b'].map((name) => path.join(root, name));
    assert.equal(await findProgram('sv', directories), path.join(root, 'b', 'sv'));
    assert.equal(await findProgram('runsv', directories), undefined);
  });

  test('slapd’s schemas and modules, as Debian, Fedora and Homebrew lay them out', async (t) => {
    const { root } = await debian(t);
    const make = async (...places: string[]): Promise<void> => {
      for (const place of places) await mkdir(path.join(root, place), { recursive: true });
    };
    await make('debian/etc/ldap/schema', 'debian/usr/lib/ldap');
    await make('fedora/etc/openldap/schema', 'fedora/usr/lib64/openldap');
    await make('brew/etc/openldap/schema', 'brew/opt/openldap/libexec');
    const files = async (system: string, program: string, top: string) => {
      const tool = { program: path.join(root, program), env: {}, root: path.join(root, top) };
      const { schemas, modules } = await slapdFiles(tool);
      const inner = (file: string): string => path.relative(path.join(root, system), file);
      return [inner(schemas), modules === undefined ? undefined : inner(modules)];
    };
    assert.deepEqual(await files('debian', 'debian/usr/sbin/slapd', 'debian'), [
      'etc/ldap/schema',
      'usr/lib/ldap',
    ]);
    assert.deepEqual(await files('fedora', 'fedora/usr/sbin/slapd', 'fedora'), [
      'etc/openldap/schema',
      'usr/lib64/openldap',
    ]);
    assert.deepEqual(await files('brew', 'brew/opt/openldap/libexec/slapd', '/'), [
      'etc/openldap/schema',
      undefined,
    ]);
    await assert.rejects(files('none', 'none/usr/sbin/slapd', 'none'), { kind: 'environment' });
  });
});
