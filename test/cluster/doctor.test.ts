import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { findProgram } from '../../cluster/toolchain/path-tools.ts';
import { systemRunner, type RunResult } from '../../lib/run.ts';

const SCRIPT = path.join(import.meta.dirname, '../../scripts/doctor.ts');

async function directories(t: TestContext): Promise<Record<string, string>> {
  const root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return { XDG_CACHE_HOME: path.join(root, 'cache'), XDG_STATE_HOME: path.join(root, 'state') };
}

const doctor = (env: Readonly<Record<string, string>>, ...args: string[]): Promise<RunResult> =>
  systemRunner.run(process.execPath, [SCRIPT, ...args], { env, okExitCodes: [3] });

/** The event of this name on standard output, one JSON object a line. */
function event(stdout: string, name: string): Record<string, unknown> | undefined {
  const events = stdout.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  return events.find((candidate) => candidate['event'] === name);
}

suite('npm run doctor', () => {
  test('fills one screen, and changes nothing', async (t) => {
    const env = await directories(t);
    const { stdout } = await doctor(env);
    const lines = stdout.split('\n');
    for (const word of ['Platform', 'Node', 'Disk', 'Port 6443', 'kubernetes', 'kyverno', 'haproxy'])
      assert.ok(
        lines.some((line) => line.includes(word)),
        `${word} in:\n${stdout}`,
      );
    assert.ok(lines.length <= 45, `${lines.length} lines`);
    await assert.rejects(stat(env['XDG_CACHE_HOME'] ?? ''), { code: 'ENOENT' });
    assert.match(stdout, /The first `npm run up` builds for \d+ minutes/);
  });

  test('without Go and with an empty cache: says what is missing, and ends with 3', async (t) => {
    const env = { ...(await directories(t)), PATH: '/nonexistent' };
    const { stdout, stderr, exitCode } = await doctor(env, '--json');
    assert.equal(exitCode, 3, stderr);
    const diagnosis = event(stdout, 'doctor');
    assert.equal(diagnosis?.['ready'], false);
    const checks = diagnosis['checks'] as { id: string; status: string }[];
    assert.equal(checks.find(({ id }) => id === 'go')?.status, 'missing');
    assert.equal(event(stdout, 'failed')?.['exitCode'], 3);
  });

  test('--prune says what it freed', async (t) => {
    // Images in the person's own engine are theirs: here there is none.
    const env: Record<string, string> = { ...(await directories(t)), PATH: await withoutEngines(t) };
    const sources = path.join(env['XDG_CACHE_HOME'] ?? '', 'toolforge-local', 'go', 'mod');
    await mkdir(sources, { recursive: true });
    await writeFile(path.join(sources, 'file'), Buffer.alloc(1024 ** 2));
    const { stdout } = await doctor(env, '--prune');
    assert.match(stdout, /^Removed .*\/go\/mod \(1\.?\d* MiB\)\n1 MiB are free again\.$/);
    assert.equal((await doctor(env, '--prune')).stdout, 'There was nothing to remove.');
  });
});

/** A PATH with what `doctor` runs, and without Docker and Podman. */
async function withoutEngines(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tl-path-'));
  t.after(() => rm(directory, { recursive: true }));
  const directories = (process.env['PATH'] ?? '').split(path.delimiter);
  for (const program of ['du', 'go', 'sh']) {
    const found = await findProgram(program, directories);
    if (found !== undefined) await symlink(found, path.join(directory, program));
  }
  return directory;
}
