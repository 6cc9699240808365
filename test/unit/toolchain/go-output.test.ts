import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Failure, interrupted } from '../../../lib/errors.ts';
import type { PinnedModule } from '../../../cluster/toolchain/catalogue.ts';
import { diskFailure, goFailure } from '../../../cluster/toolchain/failures.ts';
import { parallelism } from '../../../cluster/toolchain/go.ts';
import { isAtLeast } from '../../../lib/versions.ts';
import { GoOutput } from '../../../cluster/toolchain/progress.ts';
import { exited } from './fake-go.ts';

suite('what Go prints', () => {
  test('packages are counted, up to the total', () => {
    const log = new GoOutput(['example.test/cmd/one']);
    for (const line of [
      'internal/goarch',
      'unicode/utf8',
      'k8s.io/api/core/v1',
      'vendor/golang.org/x/net/idna',
    ])
      log.line(line);
    assert.equal(log.building(10), '4 of 10 packages');
    assert.equal(log.building(3), '3 of 3 packages');
    assert.deepEqual(log.messages, []);
  });

  test('when the last program was compiled, Go links', () => {
    const log = new GoOutput(['example.test/cmd/one', 'example.test/cmd/two']);
    log.line('example.test/cmd/two');
    assert.equal(log.building(5), '1 of 5 packages');
    log.line('example.test/cmd/one');
    assert.equal(log.building(5), 'linking');
  });

  test('downloads are named and counted', () => {
    const log = new GoOutput([]);
    assert.equal(log.downloading(), 'reading sources');
    log.line('go: downloading k8s.io/api v0.33.13');
    log.line('go: downloading github.com/Azure/azure-sdk-for-go v68.0.0+incompatible');
    assert.equal(
      log.downloading(),
      'downloading sources, github.com/Azure/azure-sdk-for-go v68.0.0+incompatible (2 so far)',
    );
  });

  test('what is neither is kept, the last of it', () => {
    const log = new GoOutput([]);
    log.line('# example.test/cmd/one');
    log.line('cmd/one/main.go:7:2: undefined: x');
    log.line('');
    assert.deepEqual(log.messages, ['# example.test/cmd/one', 'cmd/one/main.go:7:2: undefined: x']);
    for (let index = 0; index < 1000; index += 1) log.line(`error: ${index}`);
    assert.ok(log.messages.length < 100);
    assert.equal(log.messages.at(-1), 'error: 999');
  });
});

suite('why a build failed', () => {
  const module: PinnedModule = {
    id: 'tools-1.2.3',
    title: 'tools 1.2.3',
    directory: '/modules/tools-1.2.3',
    version: '1.2.3',
    ldflags: [],
    binaries: {},
    files: {},
  };
  const classify = (...lines: string[]): Failure =>
    goFailure(module, lines, exited(lines.join('\n')), '/home/me/.cache/toolforge-local');

  const network = 'The sources of tools 1.2.3 could not be downloaded';
  const cases: Readonly<Record<string, readonly [line: string, what: string]>> = {
    'no such host': [
      'go: example.test@v1.0.0: Get "https://proxy.test/x.zip": dial tcp: lookup proxy.test: no such host',
      network,
    ],
    'connection refused': [
      'go: example.test@v1.0.0: Get "http://127.0.0.1:9/x.zip": dial tcp 127.0.0.1:9: connect: connection refused',
      network,
    ],
    'a proxy that answers 502': [
      'go: example.test@v1.0.0: reading https://proxy.test/x.mod: 502 Bad Gateway',
      network,
    ],
    'an unknown certificate authority': [
      'go: x@v1: Get "https://proxy.test/x": tls: failed to verify certificate: x509: certificate signed by unknown authority',
      network,
    ],
    'GOPROXY=off': ['go: example.test@v1.0.0: module lookup disabled by GOPROXY=off', network],
    'a full disk': [
      'write $WORK/b001/_pkg_.a: no space left on device',
      'The disk filled up while tools 1.2.3 was built',
    ],
    'a wrong checksum': [
      'verifying example.test@v1.0.0: checksum mismatch',
      'A source of tools 1.2.3 is not the one that is pinned',
    ],
    'a killed compiler': [
      'example.test/big: /usr/local/go/pkg/tool/linux_amd64/compile: signal: killed',
      'A compiler was killed while tools 1.2.3 was built, most likely for want of memory',
    ],
    'an old Go': [
      'go: go.mod requires go >= 1.26.0 (running go 1.24.4; GOTOOLCHAIN=local)',
      'The Go on PATH is too old for tools 1.2.3',
    ],
    'anything else': ['main.go:7:2: undefined: x', 'tools 1.2.3 could not be built'],
  };
  for (const [name, [line, what]] of Object.entries(cases)) {
    test(name, () => {
      const failure = classify('# example.test/cmd/one', line);
      assert.equal(failure.what, what);
      assert.equal(failure.kind, 'environment');
      assert.ok(failure.why?.includes(line));
      assert.ok((failure.hint ?? '') !== '');
    });
  }

  test('the disk is the cause where both it and the network are named', () => {
    const failure = classify(
      'go: x@v1: Get "https://proxy.test/x": unexpected EOF',
      'write /cache/go/mod/x: no space left on device',
    );
    assert.match(failure.what, /disk/);
    assert.match(failure.hint ?? '', /home\/me\/\.cache\/toolforge-local/);
  });

  test('Ctrl-C and a missing Go stay what they are', () => {
    const stop = interrupted();
    assert.equal(goFailure(module, ['# x'], stop, '/cache'), stop);
    const missing = new Failure({ kind: 'environment', what: 'go was not found' });
    assert.equal(goFailure(module, [], missing, '/cache'), missing);
  });
});

suite('a cache that cannot be written', () => {
  const systemError = (code: string): Error => Object.assign(new Error(`${code}: write`), { code });

  test('a full disk, as Node and as other programs report it', () => {
    const unpacking = new Failure({
      kind: 'environment',
      what: 'dpkg-deb exited with 2',
      why: 'dpkg-deb: error: failed to write (No space left on device)',
    });
    for (const error of [systemError('ENOSPC'), systemError('EDQUOT'), unpacking])
      assert.match(diskFailure('haproxy', error, '/cache')?.what ?? '', /^The disk is full: haproxy/);
  });

  test('a directory of another user', () => {
    assert.match(
      diskFailure('haproxy', systemError('EACCES'), '/cache')?.hint ?? '',
      /\/cache belongs to you/,
    );
  });

  test('anything else stays what it is', () => {
    for (const error of [systemError('ENOENT'), new Error('a bug'), exited('dpkg-deb: corrupt archive')])
      assert.equal(diskFailure('haproxy', error, '/cache'), undefined);
  });
});

test('versions are compared by number', () => {
  assert.ok(isAtLeast('1.26.8', '1.26.0'));
  assert.ok(isAtLeast('1.26', '1.26.0'));
  assert.ok(isAtLeast('1.100', '1.26.8'));
  assert.ok(isAtLeast('devel go1.27-abcdef', '1.26'));
  assert.ok(!isAtLeast('1.9.9', '1.26'));
  assert.ok(!isAtLeast('1.26.7', '1.26.8'));
  assert.ok(!isAtLeast('unknown', '2.4'));
});

test('no more linkers at once than there is memory for, and never none', () => {
  const GIB = 1024 ** 3;
  assert.equal(parallelism(2, 20 * GIB), 2);
  assert.equal(parallelism(8, 8 * GIB), 3);
  assert.equal(parallelism(8, 1 * GIB), 1);
});
