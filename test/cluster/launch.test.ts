import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { outcome } from '../rig.ts';

const SCRIPTS = path.join(import.meta.dirname, '../../scripts');

/** A command that says what it was given, waits to be told to stop, and then ends as it was told. */
const COMMAND = `
const [how, code] = process.argv.slice(2);
if (how === 'wait') {
  const timer = setInterval(() => undefined, 1000);
  process.on('SIGTERM', () => { clearInterval(timer); process.exitCode = 130; });
}
if (how === 'exit') process.exitCode = Number(code);
// Late: whoever reads it may send a signal at once.
console.log(JSON.stringify({ how, version: process.versions.node }));
if (how === 'die') process.kill(process.pid, 'SIGKILL');
`;

suite('the launcher of the bare commands', () => {
  let root: string;
  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'tl-launch-'));
    await mkdir(path.join(root, 'scripts'));
    await mkdir(path.join(root, 'bin'));
    await writeFile(path.join(root, 'package.json'), '{"type":"module"}');
    await copyFile(path.join(SCRIPTS, 'launch.mjs'), path.join(root, 'scripts/launch.mjs'));
    await writeFile(path.join(root, 'scripts/try-me.ts'), COMMAND);
    for (const name of ['try-me', 'nothing'])
      await symlink('../scripts/launch.mjs', path.join(root, 'bin', name));
  });
  after(() => rm(root, { recursive: true }));

  /** As a shell starts a bin: by the link, whose name says what is meant. */
  const start = (name: string, ...args: string[]): ChildProcess =>
    spawn(process.execPath, [path.join(root, 'bin', name), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });

  test('runs the script of its name with the arguments, and ends with its exit code', async () => {
    const { exitCode, stdout } = await outcome(start('try-me', 'exit', '7'));
    assert.equal(exitCode, 7);
    assert.deepEqual(JSON.parse(stdout), { how: 'exit', version: process.versions.node });
  });

  test('passes on a signal and waits for what the command makes of it', async () => {
    const child = start('try-me', 'wait');
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    assert.equal((await outcome(child)).exitCode, 130);
  });

  test('ends as its command was ended', async () => {
    assert.equal((await outcome(start('try-me', 'die'))).signal, 'SIGKILL');
  });

  test('takes the pinned Node where there is one', async () => {
    const bin = path.join(root, 'node_modules/.bin');
    await mkdir(bin, { recursive: true });
    await writeFile(path.join(bin, 'node'), '#!/bin/sh\necho pinned "$@"\n', { mode: 0o755 });
    const { stdout } = await outcome(start('try-me', 'exit'));
    assert.equal(stdout, `pinned ${path.join(root, 'scripts/try-me.ts')} exit\n`);
    await rm(path.join(root, 'node_modules'), { recursive: true });
  });

  test('says so when there is no such command', async () => {
    const { exitCode, stderr } = await outcome(start('nothing'));
    assert.equal(exitCode, 3);
    assert.match(stderr, /nothing is not a command/);
  });
});
