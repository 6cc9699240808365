import assert from 'node:assert/strict';
import { lstat, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { parse } from 'yaml';
import { renderKubeconfig } from '../../../cluster/kubeconfig.ts';
import { mergeKubeconfig, unmergeKubeconfig, userKubeconfig } from '../../../cluster/merge-kubeconfig.ts';
import { Failure } from '../../../lib/errors.ts';

const THEIRS = `# my clusters
apiVersion: v1
kind: Config
current-context: production # careful
clusters:
  - name: production
    cluster: {server: 'https://production.example'}
users:
  - name: me
    user: {token: secret}
contexts:
  - name: production
    context: {cluster: production, user: me}
`;

interface Parsed {
  readonly 'current-context': string;
  readonly clusters: readonly { name: string }[];
  readonly contexts: readonly { name: string; context: { cluster: string; user: string } }[];
}

suite('merging into a kubeconfig', () => {
  let directory: string;
  const credentials = { server: 'https://127.0.0.1:6443', ca: 'CA', certificate: 'CERT', key: 'KEY' };
  const ours = renderKubeconfig('toolforge', 'admin', credentials);
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'tl-kubeconfig-'));
  });
  after(() => rm(directory, { recursive: true }));

  test('adds our entries, keeps theirs with their comments, and takes ours out again without a trace', async () => {
    const file = path.join(directory, 'theirs');
    await writeFile(file, THEIRS);
    await mergeKubeconfig(file, ours, 'toolforge');
    await mergeKubeconfig(file, ours, 'toolforge'); // twice is once
    const merged = parse(await readFile(file, 'utf8')) as Parsed;
    assert.deepEqual(
      merged.clusters.map(({ name }) => name),
      ['production', 'toolforge-local-toolforge'],
    );
    assert.equal(merged['current-context'], 'toolforge-local-toolforge');
    assert.deepEqual(merged.contexts[1]?.context, {
      cluster: 'toolforge-local-toolforge',
      user: 'toolforge-local-toolforge',
    });
    assert.match(await readFile(file, 'utf8'), /# my clusters[^]*# careful/);
    await unmergeKubeconfig(file, 'toolforge');
    const left = parse(await readFile(file, 'utf8')) as Parsed;
    assert.deepEqual(left, { ...(parse(THEIRS) as Parsed), 'current-context': '' });
  });

  test('makes the file where there is none, for its owner only', async () => {
    const file = path.join(directory, 'new', 'config');
    await mergeKubeconfig(file, ours, 'toolforge');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((parse(await readFile(file, 'utf8')) as Parsed).contexts.length, 1);
  });

  test('writes the file behind a symbolic link and keeps the link', async () => {
    const file = path.join(directory, 'real');
    const link = path.join(directory, 'link');
    await writeFile(file, THEIRS);
    await symlink(file, link);
    await mergeKubeconfig(link, ours, 'toolforge');
    assert.ok((await lstat(link)).isSymbolicLink());
    assert.match(await readFile(file, 'utf8'), /toolforge-local-toolforge/);
  });

  test('leaves a file that is no kubeconfig as it is and says so', async () => {
    for (const content of ['- a\n- b\n', 'a: [1\n']) {
      const file = path.join(directory, 'broken');
      await writeFile(file, content);
      await assert.rejects(mergeKubeconfig(file, ours, 'toolforge'), Failure);
      assert.equal(await readFile(file, 'utf8'), content);
    }
  });

  test('finds the file as kubectl does', () => {
    assert.equal(userKubeconfig({ KUBECONFIG: '/a:/b' }), '/a');
    assert.equal(userKubeconfig({ KUBECONFIG: '', HOME: '/home/me' }), '/home/me/.kube/config');
  });
});
