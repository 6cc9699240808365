import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { mirrorsOf, nodeSources } from '../../../cluster/toolchain/debian-archive.ts';
import { canFetchNodePackages } from '../../debian.ts';
import type { Context } from '../../../lib/context.ts';

const told = (mirror: string): Context => {
  const runner = { run: () => Promise.reject(new Error('nobody was to be asked')) };
  return { runner, env: { TOOLFORGE_LOCAL_DEBIAN_MIRROR: mirror } } as unknown as Context;
};

const skip =
  !(await canFetchNodePackages(told('https://mirror.test/debian'))) && 'no apt or no keys of Debian here';

suite('where packages for node images come from', () => {
  test('the mirrors of a Debian host, each once, and nobody else’s', () => {
    const targets = [
      'http://mirror.test/debian/ trixie main',
      'http://mirror.test/debian/ trixie main',
      'http://mirror.test/debian/ trixie non-free',
      'http://mirror.test/debian/ trixie-updates main',
      'http://security.test/debian-security/ trixie-security main',
      'https://other.test/node nodistro main',
      '',
    ].join('\n');
    assert.deepEqual(mirrorsOf(targets, 'trixie'), {
      archive: ['http://mirror.test/debian/'],
      security: ['http://security.test/debian-security/'],
    });
    assert.deepEqual(mirrorsOf(targets, 'bookworm'), { archive: [], security: [] });
  });

  test('the mirror that a person names, with its security updates', { skip }, async () => {
    const lines = await nodeSources(told('https://mirror.test/debian/'));
    assert.deepEqual(
      lines.map((line) => line.replace(/^deb \[signed-by=\S+\] /, '').trim()),
      [
        'https://mirror.test/debian bookworm main',
        'https://mirror.test/debian bookworm-updates main',
        'https://mirror.test/debian-security bookworm-security main',
      ],
    );
    await assert.rejects(nodeSources(told('https://a b] http://c')), { kind: 'usage' });
  });
});
