import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { prepareRecord } from '../../../cluster/create.ts';
import { layout } from '../../../cluster/kind/layout.ts';
import { clusterDirectory, writeRecord } from '../../../cluster/record.ts';
import type { ClusterSpec } from '../../../cluster/spec.ts';
import { freePort } from '../../../lib/ports.ts';
import { quietContext } from '../../cluster/context.ts';

suite('the block of ports of a cluster whose `up` was interrupted', () => {
  let state: string;
  let basePort: number;
  const taken = createServer();
  before(async () => {
    state = await mkdtemp(path.join(tmpdir(), 'tl-create-'));
    basePort = await freePort();
    await new Promise<void>((resolve) => taken.listen({ port: basePort, host: '127.0.0.1' }, resolve));
  });
  after(async () => {
    taken.close();
    await rm(state, { recursive: true });
  });

  async function again(provider: ClusterSpec['provider']): Promise<number> {
    const context = quietContext(state);
    const spec: ClusterSpec = {
      ...{ name: provider, provider, profile: 'current', controlPlanes: 1, kyvernoReplicas: 1 },
      ...{ healthCheck: 'healthz', apiPort: await freePort(), statsPort: await freePort() },
    };
    const record = { version: 1, id: 'one', spec, basePort, createdAt: '2026-01-01T00:00:00Z', ready: false };
    await writeRecord(context.paths, { ...record, version: 1 });
    return (await prepareRecord(spec, context)).basePort;
  }

  test('is another where something took it before there were nodes', async () => {
    assert.notEqual(await again('kind'), basePort);
  });

  test('stays where there are nodes, or processes that may be its own', async () => {
    assert.equal(await again('embedded'), basePort);
    const { kind, created } = layout(clusterDirectory(quietContext(state).paths, 'kind'));
    await mkdir(kind, { recursive: true });
    await writeFile(created, '{}');
    assert.equal(await again('kind'), basePort);
  });
});
