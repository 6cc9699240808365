import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findEngine, requireEngine, runEngine } from '../../../cluster/kind/engine.ts';
import { Failure } from '../../../lib/errors.ts';
import { systemRunner } from '../../../lib/run.ts';
import { FORBIDDEN, machine, refused, STOPPED, type Says } from './fake-machine.ts';

/** The failure of requiring an engine on such a machine. */
async function failureOf(says: Readonly<Record<string, Says>>): Promise<Failure> {
  return thrown(requireEngine(machine(says)));
}

async function thrown(work: Promise<unknown>): Promise<Failure> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof Failure, 'it did not fail');
  return outcome;
}

suite('the container engine', () => {
  test('is Docker where it answers, before Podman', async () => {
    const answer = await findEngine(machine({ docker: '28.2.2\n', podman: '5.0.1\n' }));
    assert.deepEqual(answer, { engine: { name: 'docker', version: '28.2.2' } });
  });

  test('is Podman where Docker is not there', async () => {
    const answer = await findEngine(machine({ podman: '4.3.1\n' }));
    assert.deepEqual(answer, { engine: { name: 'podman', version: '4.3.1' } });
  });

  test('is none where neither is installed', async () => {
    const { why, hint } = await failureOf({});
    assert.equal(why, 'docker was not found\npodman was not found');
    assert.match(hint ?? '', /^Install Docker/);
  });

  test('is none where it is too old, or a client without a server', async () => {
    const old = await failureOf({ docker: '19.03.15' });
    assert.match(old.why ?? '', /19\.03\.15 answers, but 20\.10 or later is needed/);
    assert.match(old.hint ?? '', /^Update docker/);
    assert.match((await failureOf({ docker: '\n' })).why ?? '', /docker names no server version/);
  });

  test('is none where it is stopped, and the hint is to start it', async () => {
    const docker = await failureOf({ docker: STOPPED });
    assert.match(docker.why ?? '', /^docker: Cannot connect to the Docker daemon at unix:\S+sock$/m);
    assert.match(docker.hint ?? '', /systemctl start docker/);
    const newer = refused(
      'failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory',
    );
    assert.match((await failureOf({ docker: newer })).hint ?? '', /systemctl start docker/);
    const podman = await failureOf({ podman: refused('Error: Cannot connect to Podman. Please verify') });
    assert.match(podman.hint ?? '', /podman machine start/);
  });

  test('is none where this user may not use it, and the hint is its group', async () => {
    const { why, hint } = await failureOf({ docker: FORBIDDEN });
    assert.match(why ?? '', /^docker: permission denied .* at unix:\S+sock$/m);
    assert.match(hint ?? '', /usermod -aG docker/);
    assert.doesNotMatch(hint ?? '', /--provider|start docker/);
  });

  test('is none where it hangs, as the runner reports it', async () => {
    const hanging = await thrown(systemRunner.run('sleep', ['60'], { timeoutMs: 20 }));
    const { why, hint } = await failureOf({ docker: hanging });
    assert.match(why ?? '', /^docker did not answer within 5 s$/m);
    assert.match(hint ?? '', /systemctl restart docker/);
  });

  test('is known to be missing, as the runner reports it', async () => {
    const missing = await thrown(systemRunner.run('docker', [], { env: { PATH: '/nowhere' } }));
    assert.match((await failureOf({ docker: missing })).hint ?? '', /^Install Docker/);
  });

  test('a bug is not taken for an engine that does not answer', async () => {
    const broken = new Failure({ kind: 'interrupted', what: 'Interrupted' });
    await assert.rejects(findEngine(machine({ docker: broken })), /Interrupted/);
  });
});

test('a command that fails for want of space says so, and no other does', async () => {
  const run = (failure: Failure): Promise<Failure> =>
    thrown(runEngine({ name: 'docker', version: '28.2.2' }, machine({ docker: failure }), ['load']));
  const full = await run(refused('write /var/lib/docker/tmp/x: no space left on device'));
  assert.match(full.hint ?? '', /docker system df/);
  assert.match(full.why ?? '', /no space left/);
  assert.equal((await run(FORBIDDEN)).hint, undefined);
});
