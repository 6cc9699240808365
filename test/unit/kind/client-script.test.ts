import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { execa } from 'execa';
import { clientScript } from '../../../cluster/kind/client-script.ts';
import { BALANCER_IMAGE } from '../../../cluster/kind/image/balancer.ts';
import { parseProcesses } from '../../../cluster/kind/memory.ts';

suite("the engine's client as kind sees it", () => {
  let directory: string;
  let script: string;

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-client-'));
    const client = path.join(directory, 'client');
    await writeFile(client, '#!/bin/sh\nfor argument in "$@"; do echo "$argument"; done\n', { mode: 0o755 });
    script = path.join(directory, 'docker');
    const addresses = new Map([
      ['c-control-plane', '172.20.0.10'],
      ['c-external-load-balancer', '172.20.0.9'],
    ]);
    await writeFile(script, clientScript(client, "/state/it's", addresses), { mode: 0o755 });
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const run = async (...args: string[]): Promise<string[]> => (await execa(script, args)).stdout.split('\n');

  test('adds address and owner to a node, and keeps what kind says', async () => {
    assert.deepEqual(await run('run', '--name', 'c-control-plane', '--tmpfs', '/tmp', 'an image'), [
      ...['run', '--label', "toolforge-local.directory=/state/it's", '--ip', '172.20.0.10'],
      '--pull=never',
      ...['--name', 'c-control-plane', '--tmpfs', '/tmp', 'an image'],
    ]);
  });

  test('makes the balancer of our image, not of kind’s', async () => {
    // As kind 0.31.0 writes it, with both engines.
    const kinds = 'docker.io/kindest/haproxy:v20251211-v0.29.0-alpha-100-g82a92c5d';
    const options = ['--name', 'c-external-load-balancer', '--label', 'a=', '--publish=127.0.0.1:1:6443/tcp'];
    assert.match(BALANCER_IMAGE, /^toolforge-local\/balancer:[0-9a-f]{12}$/);
    assert.deepEqual(await run('run', ...options, kinds), [
      ...['run', '--label', "toolforge-local.directory=/state/it's", '--ip', '172.20.0.9', '--pull=never'],
      ...[...options, BALANCER_IMAGE],
    ]);
  });

  test('lets kind pull nothing', async () => {
    const { exitCode, stdout, stderr } = await execa(script, ['pull', 'a/b:1'], { reject: false });
    assert.deepEqual([exitCode, stdout], [1, '']);
    assert.match(stderr, /a\/b:1 is gone/);
  });

  test('passes every other command on as it is', async () => {
    const args = ['exec', '--privileged', 'c-control-plane', 'cat', '/a b'];
    assert.deepEqual(await run(...args), args);
  });

  test('refuses to make anything else', async () => {
    const { exitCode, stderr } = await execa(script, ['run', '--name', 'other'], { reject: false });
    assert.equal(exitCode, 1);
    assert.match(stderr, /other is not a node of this cluster/);
  });
});

test('reads the processes of a node', () => {
  const processes = parseProcesses(
    [
      '    1  9000  90 /lib/systemd/systemd',
      '  300 60000  80 /usr/local/bin/containerd',
      '  700 51200  70 etcd --advertise-client-urls=https://172.20.0.10:2379',
      '  800  1024  60 /usr/bin/containerd-shim-runc-v2 -namespace k8s.io',
      '  801 512000 55 kube-apiserver --advertise-address=172.20.0.10',
      '',
    ].join('\n'),
  );
  assert.deepEqual([...processes.keys()], ['containerd', 'etcd', 'kube-apiserver']);
  assert.deepEqual(processes.get('kube-apiserver'), { pid: 801, rss: 512_000 * 1024, uptime: 55 });
});
