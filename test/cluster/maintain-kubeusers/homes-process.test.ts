import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, suite, test } from 'node:test';
import { HomesProcess } from '../../../components/maintain-kubeusers/homes/process.ts';

const root = await mkdtemp(path.join(tmpdir(), 'homes-process-'));
const uid = process.geteuid?.() === 0 ? 50_001 : (process.geteuid?.() ?? 0);
const owner = (name: string) => ({ type: 'tool' as const, name, uid });
const roots = { tool: path.join(root, 'project'), admin: path.join(root, 'home') };
const HANGING = path.join(import.meta.dirname, 'hanging-worker.ts');

const canMount = spawnSync('unshare', ['--mount', '--', 'true']).status === 0;

test(
  'a full and a read-only file system leave nothing half-written',
  canMount ? {} : { skip: 'only root can mount file systems, in a namespace of its own' },
  async () => {
    const [full, fixed] = [path.join(root, 'bad', 'full'), path.join(root, 'bad', 'fixed')];
    for (const directory of [full, fixed]) await mkdir(directory, { recursive: true });
    const script = [
      'set -e',
      'mount -t tmpfs -o size=64k,uid="$4" tmpfs "$1"',
      'mount -t tmpfs -o ro,uid="$4" tmpfs "$2"',
      'exec "$5" "$6" "$3" "$4"',
    ].join('\n');
    const program = path.join(import.meta.dirname, 'bad-disk.ts');
    const args = [full, fixed, path.join(root, 'bad'), String(uid), process.execPath, program];
    const { stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', '--', '/bin/sh', '-c', script, 'bad-disk', ...args],
      { encoding: 'utf8' },
    );
    assert.notEqual(stdout, '', stderr);
    assert.deepEqual(JSON.parse(stdout), {
      small: 'done',
      large: 'large: ENOSPC: no space left on device',
      replaced: 'small: ENOSPC: no space left on device',
      kept: 'done',
      'left over': 'done',
      'read-only': 'file: EROFS: read-only file system',
      'read-only directory': 'logs: EROFS: read-only file system',
    });
  },
);

suite('homes in a process of their own', () => {
  let open: HomesProcess[] = [];
  const start = (options: { deadlineMs?: number; module?: string } = {}) => {
    const troubles: string[] = [];
    const process = new HomesProcess({
      roots,
      deadlineMs: options.deadlineMs ?? 10_000,
      onTrouble: (what) => troubles.push(what),
      ...(options.module === undefined ? {} : { module: options.module }),
    });
    open.push(process);
    return { homes: process.homes, troubles, close: process.close.bind(process) };
  };
  afterEach(() => {
    for (const process of open) process.close();
    open = [];
  });
  after(() => rm(root, { recursive: true, force: true }));

  test('does what it is asked to, and says what went wrong', async () => {
    const { homes } = start();
    const a = owner('a');
    await homes.makeDirectory(a, '', 0o2775);
    await homes.write(a, 'file', 'content', 0o600);
    assert.equal(Buffer.from((await homes.read(a, 'file', 100)) ?? []).toString(), 'content');
    assert.equal(await homes.read(a, 'nothing', 100), undefined);
    assert.equal((await homes.facts(a, 'file'))?.mode, 0o600);
    await assert.rejects(
      homes.read(a, 'file', 3),
      /The home of tool a could not be worked on: file: has more than 3 bytes/,
    );
    assert.equal(homes.operations, 6);
  });

  test('many at once are all done', async () => {
    const { homes } = start();
    const names = Array.from({ length: 200 }, (_, index) => `many-${index}`);
    await Promise.all(
      names.map(async (name) => {
        await homes.makeDirectory(owner(name), '', 0o2775);
        await homes.write(owner(name), 'file', name, 0o600);
      }),
    );
    for (const name of names) {
      assert.equal(await readFile(path.join(roots.tool, name, 'file'), 'utf8'), name);
    }
  });

  test('a home that hangs fails after its deadline, and the others go on', async () => {
    const { homes, troubles } = start({ deadlineMs: 1_000, module: HANGING });
    await homes.makeDirectory(owner('warm'), '', 0o2775);
    const hanging = assert.rejects(
      homes.makeDirectory(owner('hang'), '', 0o755),
      /did not answer within 1 s/,
    );
    for (let round = 0; round < 20; round += 1) await homes.facts(owner('warm'), '');
    await hanging;
    assert.deepEqual(troubles, []);
  });

  test('when too many hang the process is given up for a new one', async () => {
    const { homes, troubles } = start({ deadlineMs: 1_000, module: HANGING });
    await homes.makeDirectory(owner('warm'), '', 0o2775);
    const hanging = ['hang-1', 'hang-2', 'hang-3', 'hang-4', 'hang-5'].map((name) =>
      homes.makeDirectory(owner(name), '', 0o755),
    );
    const outcomes = await Promise.allSettled(hanging);
    assert.ok(outcomes.every(({ status }) => status === 'rejected'));
    assert.deepEqual(troubles.length, 1);
    await homes.write(owner('warm'), 'file', 'x', 0o600);
  });

  test('an answer that comes late frees its place', async () => {
    const { homes, troubles } = start({ deadlineMs: 200, module: HANGING });
    // Starting takes longer than this deadline: the first may fail.
    await homes.facts(owner('warm'), '').catch(() => undefined);
    for (let round = 0; round < 3; round += 1) {
      const late = [1, 2, 3].map((index) => homes.facts(owner(`late-${index}`), ''));
      const outcomes = await Promise.allSettled(late);
      assert.ok(outcomes.every(({ status }) => status === 'rejected'));
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    assert.deepEqual(troubles, []);
  });

  test('a process that dies is replaced; what it had under way fails', async () => {
    const { homes, troubles } = start({ module: HANGING });
    await homes.makeDirectory(owner('warm'), '', 0o2775);
    await assert.rejects(homes.facts(owner('die'), ''), /the file system hangs/);
    await homes.facts(owner('warm'), '');
    assert.match(troubles.join(), /given up: it ended \(SIGKILL\)/);
  });
});
