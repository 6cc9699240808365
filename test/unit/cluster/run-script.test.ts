import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { getPriority } from 'node:os';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { runScript, shellQuote } from '../../../cluster/supervisor/run-script.ts';
import { parseStatus } from '../../../cluster/supervisor/sv.ts';

suite('run scripts', () => {
  test('quoting hands any word to the program unchanged', () => {
    const word = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed());
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        const script = `printf '%s\\0' ${words.map(shellQuote).join(' ')}`;
        const output = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' });
        assert.deepEqual(output.split('\0').slice(0, -1), words);
      }),
      { numRuns: 30 },
    );
  });

  test('a changed argument, variable, cgroup or configuration file changes the script', () => {
    const service = { name: 'a', program: '/bin/a', args: ['--x=1'] };
    const scripts = [
      runScript(service, 'f1'),
      runScript(service, 'f2'),
      runScript({ ...service, args: ['--x=2'] }, 'f1'),
      runScript({ ...service, env: { GOGC: '50' } }, 'f1'),
      runScript({ ...service, cgroups: ['/sys/fs/cgroup/memory/a/cgroup.procs'] }, 'f1'),
      runScript({ ...service, yields: true }, 'f1'),
    ];
    assert.equal(new Set(scripts).size, scripts.length);
  });

  test('nothing of the environment of whoever started it reaches the service', () => {
    const script = runScript(
      { name: 'env', program: '/usr/bin/env', args: [], env: { ONLY: "it's mine" } },
      'f',
    );
    const output = execFileSync('/bin/sh', ['-c', script], {
      encoding: 'utf8',
      env: { SECRET: 'x', HOME: '/root' },
    });
    assert.deepEqual(output.trim().split('\n').sort(), [
      "ONLY=it's mine",
      'PATH=/usr/local/bin:/usr/bin:/bin',
    ]);
  });
});

suite('a service that yields', () => {
  test('runs at a lower priority, and with its program in the place of the shell', async () => {
    const script = runScript(
      { name: 'a', program: '/bin/sh', args: ['-c', 'nice; echo "$$"'], yields: true },
      'f',
    );
    // A session of its own, as the supervisor gives it one: the script lowers the priority of all of it.
    const child = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    const [niceness, pid] = (await text(child.stdout)).trim().split('\n');
    assert.equal(Number(niceness), getPriority() + 19);
    assert.equal(Number(pid), child.pid);
  });
});

suite('sv status', () => {
  test('reads each of its forms', () => {
    const lines = [
      'run: /s/etcd-1: (pid 12) 345s; run: log: (pid 11) 345s',
      'down: /s/kwok: 3s, normally up; run: log: (pid 21) 9s',
      'finish: /s/haproxy: (pid 31) 0s, normally up; run: log: (pid 30) 9s',
      'down: /s/dies-at-once: 1s, normally up, want up; run: log: (pid 15) 9s',
      'run: /s/leaves: (pid 7) 9s, want down, got TERM; run: log: (pid 6) 9s',
      'warning: /s/slapd: unable to open supervise/ok: file does not exist',
      'fail: /s/gone: unable to change to service directory: file does not exist',
    ];
    assert.deepEqual(parseStatus(lines.join('\n')), [
      { name: 'etcd-1', supervised: true, pid: 12, seconds: 345 },
      { name: 'kwok', supervised: true, seconds: 3 },
      { name: 'haproxy', supervised: true, seconds: 0 },
      { name: 'dies-at-once', supervised: true, seconds: 1, wantsUp: true },
      { name: 'leaves', supervised: true, pid: 7, seconds: 9, ending: true },
      { name: 'slapd', supervised: false, seconds: 0 },
      { name: 'gone', supervised: false, seconds: 0 },
    ]);
  });
});
