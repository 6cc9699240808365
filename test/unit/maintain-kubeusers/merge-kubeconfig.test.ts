import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import {
  mergeKubeconfig,
  type KubeconfigPart,
} from '../../../components/maintain-kubeusers/resources/merge-kubeconfig.ts';

const PART: KubeconfigPart = {
  cluster: { name: 'toolforge', server: 'https://127.0.0.1:6443', ca: 'CA' },
  user: { name: 'tf-x', certificateFile: '../.toolskube/client.crt', keyFile: '../.toolskube/client.key' },
  context: { name: 'toolforge', namespace: 'tool-x' },
};

interface Config {
  readonly 'current-context'?: string;
  readonly clusters: { name: string; cluster: Record<string, unknown> }[];
  readonly users: { name: string; user: Record<string, unknown> }[];
  readonly contexts: { name: string; context: Record<string, unknown> }[];
  readonly [key: string]: unknown;
}

function merged(existing: string | undefined, part = PART): string {
  const result = mergeKubeconfig(existing, part);
  if ('problem' in result) throw new Error(result.problem);
  return result.text;
}

function assertOurs(text: string, part = PART): void {
  const config = parse(text) as Config;
  const only = <T extends { name: string }>(list: T[], name: string): T | undefined => {
    const found = list.filter((entry) => entry.name === name);
    assert.equal(found.length, 1);
    return found[0];
  };
  assert.deepEqual(only(config.clusters, 'toolforge')?.cluster, {
    server: part.cluster.server,
    'certificate-authority-data': Buffer.from(part.cluster.ca).toString('base64'),
  });
  assert.deepEqual(only(config.users, 'tf-x')?.user, {
    'client-certificate': '../.toolskube/client.crt',
    'client-key': '../.toolskube/client.key',
  });
  assert.deepEqual(only(config.contexts, 'toolforge')?.context, {
    cluster: 'toolforge',
    user: 'tf-x',
    namespace: 'tool-x',
  });
}

suite('merging a kubeconfig', () => {
  test('a new file is a whole kubeconfig', () => {
    for (const empty of [undefined, '', '\n', '# nothing yet\n', '---\n', 'null\n']) {
      const text = merged(empty);
      assertOurs(text);
      assert.equal((parse(text) as Config)['current-context'], 'toolforge');
      assert.equal((parse(text) as Config)['kind'], 'Config');
    }
  });

  test('comments, order and the chosen context of others stay', () => {
    const theirs = [
      '# my clusters',
      'apiVersion: v1',
      'kind: Config',
      'current-context: home # not at work',
      'contexts:',
      '- context: {cluster: home, user: me} # short',
      '  name: home',
      'clusters: []',
      'users: ~',
      '',
    ].join('\n');
    const text = merged(theirs);
    assertOurs(text);
    assert.ok(text.startsWith('# my clusters\n'));
    assert.match(text, /current-context: home # not at work/);
    assert.equal((parse(text) as Config).contexts[0]?.name, 'home');
    assert.deepEqual((parse(text) as Config).contexts[0]?.context, { cluster: 'home', user: 'me' });
    assert.match(text, /# short/);
  });

  test('scalars of others are written as they were', () => {
    const theirs =
      'clusters:\n- name: other\n  cluster: {server: yes, port: 012, hex: 0x1F, on: 1_000, float: 1.50, none: ~, date: 2001-01-01}\n';
    const text = merged(theirs);
    for (const scalar of [
      'server: yes',
      'port: 012',
      'hex: 0x1F',
      'on: 1_000',
      'float: 1.50',
      'date: 2001-01-01',
    ]) {
      assert.ok(text.includes(scalar), `${scalar} in ${text}`);
    }
    assert.equal((parse(text) as Config).clusters[0]?.cluster['none'], null);
  });

  test('what is no kubeconfig is reported and never rewritten', () => {
    for (const [text, problem] of [
      ['{', 'is not YAML'],
      ['\tx: [', 'is not YAML'],
      ['a: 1\n---\nb: 2\n', 'is not YAML'],
      ['just text', 'is not a kubeconfig'],
      ['- a\n- b\n', 'is not a kubeconfig'],
      ['clusters: text\n', 'cannot be merged: clusters is not a list'],
      ['users:\n  name: x\n', 'cannot be merged: users is not a list'],
    ] as const) {
      assert.deepEqual(mergeKubeconfig(text, PART), { problem });
    }
  });

  test('an entry of ours that others refer to by an anchor is not torn out', () => {
    const theirs =
      'users:\n- name: tf-x\n  user: &mine {token: a}\n- name: copy\n  user: *mine\nclusters: []\ncontexts: []\n';
    assert.ok('problem' in mergeKubeconfig(theirs, PART));
  });

  test('a bomb of aliases is parsed in no time', () => {
    const lines = [
      'a0: &a0 [x, x]',
      ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}]`),
    ];
    const before = performance.now();
    mergeKubeconfig(`${lines.join('\n')}\n`, PART);
    assert.ok(performance.now() - before < 1_000);
  });

  test('a changed server changes our cluster alone', () => {
    const first = merged('contexts:\n- name: home\n  context: {cluster: a, user: b}\n');
    const moved = { ...PART, cluster: { ...PART.cluster, server: 'https://127.0.0.1:7443' } };
    const second = merged(first, moved);
    assertOurs(second, moved);
    assert.equal(second.replace(':7443', ':6443'), first);
  });

  test('whatever others keep there, it stays, ours is there once, and a second time changes nothing', () => {
    const name = fc.oneof(fc.string(), fc.constantFrom('toolforge', 'tf-x', 'yes', '012', '~', ''));
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.double({ noNaN: true }),
    );
    const fields = fc.dictionary(
      fc.string(),
      fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(fc.string(), leaf, { maxKeys: 3 })),
      { maxKeys: 4 },
    );
    const list = (field: string) =>
      fc.array(
        fc.record({ name, [field]: fields }).map((entry) => entry as unknown as { name: string }),
        { maxLength: 4 },
      );
    const config = fc.record({
      'current-context': fc.string(),
      clusters: list('cluster'),
      users: list('user'),
      contexts: list('context'),
      extra: fields,
    });
    const style = fc.record({
      lineWidth: fc.constantFrom(0, 20, 80),
      defaultStringType: fc.constantFrom('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL'),
      collectionStyle: fc.constantFrom('any', 'block', 'flow'),
      indent: fc.constantFrom(2, 4),
    });
    fc.assert(
      fc.property(config, style, (theirs, options) => {
        const before = stringify(theirs, { ...options, aliasDuplicateObjects: false } as object);
        const text = merged(before);
        assertOurs(text);
        const [old, now] = [parse(before) as Config, parse(text) as Config];
        for (const [section, own] of [
          ['clusters', 'toolforge'],
          ['users', 'tf-x'],
          ['contexts', 'toolforge'],
        ] as const) {
          const others = (all: Config) =>
            (all[section] as { name: string }[]).filter(({ name: entry }) => entry !== own);
          assert.deepEqual(others(now), others(old));
        }
        assert.deepEqual(now['extra'], old['extra']);
        assert.equal(merged(text), text);
      }),
      { numRuns: 50 },
    );
  });
});
