import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, suite, test } from 'node:test';
import type { Cluster } from '../../../cluster/provider.ts';
import { becomeTool } from '../../../components/maintain-kubeusers/become.ts';
import { accountHomes } from '../../../components/maintain-kubeusers/places.ts';
import type { Context } from '../../../lib/context.ts';

const root = await mkdtemp(path.join(tmpdir(), 'become-'));
after(() => rm(root, { recursive: true, force: true }));

/** Who is let in asks for kubectl next. */
const LET_IN = /let in/;

async function become(tool: string): Promise<number> {
  const cluster = {
    directory: root,
    program: () => Promise.reject(new Error('let in')),
  } as unknown as Cluster;
  const context = {
    output: { note: () => undefined },
    signal: new AbortController().signal,
    env: {},
  } as unknown as Context;
  const equipment = { checkout: root, commands: [], generators: root };
  return becomeTool({ tool, command: [], equipment }, cluster, context);
}

async function homeOf(tool: string): Promise<string> {
  const home = path.join(accountHomes(root).tools, tool);
  await mkdir(home, { recursive: true });
  return home;
}

suite('become', () => {
  test('lets in whoever is not disabled', async () => {
    await homeOf('open');
    await assert.rejects(become('open'), LET_IN);
    await writeFile(path.join(await homeOf('closed'), 'k8s.disabled'), '');
    await assert.rejects(become('closed'), /The tool closed is disabled/);
    await assert.rejects(become('nobody'), /no tool named "nobody"/);
  });

  test('does not read what a tool puts in the place of the mark', { timeout: 10_000 }, async () => {
    const pipe = path.join(await homeOf('pipe'), 'k8s.disabled');
    execFileSync('mkfifo', [pipe]);
    await assert.rejects(become('pipe'), /The tool pipe is disabled/);
    await symlink(pipe, path.join(await homeOf('link'), 'k8s.disabled'));
    await assert.rejects(become('link'), /The tool link is disabled/);
  });
});
