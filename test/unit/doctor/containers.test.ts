import assert from 'node:assert/strict';
import { release, tmpdir, totalmem } from 'node:os';
import { suite, test } from 'node:test';
import {
  containerChecks,
  containers,
  engineCheck,
  examineContainers,
  type DockerInfo,
} from '../../../cluster/doctor/containers.ts';
import { memoryLimits } from '../../../cluster/doctor/machine.ts';
import { loadProfile } from '../../../cluster/profile.ts';
import { FORBIDDEN, machine, STOPPED, type Says } from '../kind/fake-machine.ts';

const GIB = 1024 ** 3;
const engine = { name: 'docker', version: '28.2.2' } as const;

/** A Docker with root on another kernel than this one's: in a virtual machine. */
const INFO: DockerInfo = {
  MemTotal: totalmem(),
  NCPU: 4096,
  KernelVersion: '0.0.0-other',
  DockerRootDir: '/var/lib/docker',
  CgroupVersion: '2',
  MemoryLimit: true,
  SecurityOptions: ['name=apparmor', 'name=seccomp,profile=builtin', 'name=cgroupns'],
};

suite('containers', () => {
  test('of an engine that `up` picks', () => {
    const { status, says } = containers({ possible: true, engine });
    assert.deepEqual([status, says], ['ok', 'docker 28.2.2: clusters are nodes in containers']);
  });

  test('of one that it does not pick, and what would change that', () => {
    const check = containers({ possible: false, engine, why: 'no keys', hint: 'Install them.' });
    assert.equal(check.says, 'docker 28.2.2, but clusters are plain processes: no keys');
    assert.deepEqual([check.status, check.hint], ['note', 'Install them.']);
    const podman = containers({ possible: false, engine, why: 'that is so' });
    assert.deepEqual([podman.status, podman.hint], ['ok', undefined]);
  });

  test('of one that is too old, stopped or forbidden: why, and what to do', async () => {
    const profile = await loadProfile('current');
    for (const [docker, says, hint] of [
      ['19.03.15', /plain processes: docker 19\.03\.15 answers, but 20\.10/, /Update/],
      [STOPPED, /plain processes: docker: Cannot connect/, /systemctl start docker/],
      [FORBIDDEN, /plain processes: docker: permission denied/, /usermod -aG docker/],
    ] as const) {
      const checks = await containerChecks(await examineContainers(profile, machine({ docker })));
      assert.deepEqual(
        checks.map(({ id, status }) => [id, status]),
        [['containers', 'note']],
      );
      assert.match(checks[0]?.says ?? '', says);
      assert.match(checks[0]?.hint ?? '', hint);
    }
  });

  test('without any engine are nothing to worry about', async () => {
    const found = await examineContainers(await loadProfile('current'), machine({}));
    const [check, ...others] = await containerChecks(found);
    assert.deepEqual([check?.status, check?.hint, others], ['ok', undefined, []]);
    assert.match(check?.says ?? '', /^no Docker/);
  });
});

suite('what Docker has for nodes', () => {
  test('is read from its own answer, once; one that is none of Docker’s is nothing known', async () => {
    const profile = await loadProfile('current');
    const asked: string[] = [];
    const on = (info: Says) =>
      machine({
        docker: (args) => {
          asked.push(args[0] ?? '');
          return args[0] === 'info' ? info : '28.2.2';
        },
        'apt-get': '',
      });
    const full = JSON.stringify({ ID: 'x', Containers: 3, ...INFO });
    assert.deepEqual((await examineContainers(profile, on(full))).docker, INFO);
    assert.deepEqual(asked, ['version', 'info']);
    for (const answer of ['', '{"host":{"memTotal":1}}', FORBIDDEN]) {
      assert.equal((await examineContainers(profile, on(answer))).docker, undefined);
    }
  });

  test('memory is mentioned where it is less than the machine’s, and a note where it is too little', async () => {
    const all = await engineCheck(INFO);
    assert.deepEqual([all.status, all.says], ['ok', 'cgroup version 2']);
    const less = await engineCheck({ ...INFO, NCPU: 2, MemTotal: totalmem() - 1 });
    assert.match(less.says, /^only 2 cores, \S+ GiB of memory/);
    const little = await engineCheck({ ...INFO, NCPU: 2, MemTotal: 1.5 * GIB });
    assert.equal(little.status, 'note');
    assert.match(little.says, /^only 2 cores, 1\.5 GiB of memory/);
    assert.match(little.hint ?? '', /about 2\.0 GiB: give Docker more/);
  });

  test('space is that of its data, where they are on this machine', async () => {
    const here = { ...INFO, KernelVersion: release(), DockerRootDir: tmpdir() };
    assert.match((await engineCheck(here)).says, / free for images and nodes/);
    assert.doesNotMatch((await engineCheck({ ...here, DockerRootDir: '/no/such' })).says, /free/);
    assert.doesNotMatch((await engineCheck({ ...INFO, DockerRootDir: tmpdir() })).says, /free/);
  });

  test('without root is a note, and with cgroup version 1 an obstacle', async () => {
    const rootless = { ...INFO, SecurityOptions: ['name=seccomp,profile=builtin', 'name=rootless'] };
    const check = await engineCheck(rootless);
    assert.equal(check.status, 'note');
    assert.match(check.says, /without root/);
    assert.match(check.hint ?? '', /not tested; what they need: https/);
    const old = await engineCheck({ ...rootless, CgroupVersion: '1' });
    assert.match(old.hint ?? '', /they need cgroup version 2/);
  });
});

test('memory limits are the engine’s matter where `up` picks kind, and this user’s elsewhere', () => {
  const kind = { choice: { possible: true, engine }, docker: INFO };
  const processes = { choice: { possible: false, engine }, docker: INFO };
  const problem = 'no rights';
  const check = (...[of, why]: [Parameters<typeof memoryLimits>[0], string?]): [string, string] => {
    const { status, says } = memoryLimits(of, why, 'cgroup version 2');
    return [status, says];
  };
  assert.deepEqual(check(kind), ['ok', 'Docker sets them']);
  assert.deepEqual(check(kind, problem), ['ok', 'Docker sets them; not for plain processes: no rights']);
  const unable = { ...kind, docker: { ...INFO, MemoryLimit: false } };
  assert.deepEqual(check(unable), ['note', 'Docker cannot set them here']);
  assert.deepEqual(check(processes), ['ok', 'can be set (cgroup version 2)']);
  assert.deepEqual(check(processes, problem), ['note', 'cannot be set: no rights']);
});
