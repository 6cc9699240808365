import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findEngine } from '../../../cluster/kind/engine.ts';
import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import type { Runner } from '../../../lib/run.ts';

/** A machine on which programs say this; a program that is not named is not there. */
function machine(says: Readonly<Record<string, string | Failure>>): Context {
  const runner: Runner = {
    run: (program) => {
      const answer = says[program];
      if (answer === undefined) throw new Failure({ kind: 'environment', what: `${program} was not found` });
      if (typeof answer !== 'string') throw answer;
      return Promise.resolve({ stdout: answer, stderr: '', exitCode: 0 });
    },
    attach: () => Promise.reject(new Error('nothing is attached here')),
  };
  return { runner, signal: new AbortController().signal } as unknown as Context;
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

  test('is none where it is too old, stopped, or a client without a server, and each says why', async () => {
    const stopped = new Failure({
      kind: 'environment',
      what: 'docker version exited with 1',
      why: 'Client: 28\nCannot connect to the Docker daemon at unix:///var/run/docker.sock.',
    });
    const answers = await Promise.all([
      findEngine(machine({ docker: '19.03.15' })),
      findEngine(machine({ docker: stopped })),
      findEngine(machine({ docker: '\n' })),
      findEngine(machine({})),
    ]);
    const problems = answers.map((answer) => ('problem' in answer ? answer.problem : 'none'));
    assert.match(problems[0] ?? '', /19\.03\.15 answers, but 20\.10 or later is needed/);
    assert.match(problems[1] ?? '', /docker: Cannot connect to the Docker daemon/);
    assert.match(problems[2] ?? '', /docker names no server version/);
    assert.match(problems[3] ?? '', /docker was not found\npodman was not found/);
  });

  test('a bug is not taken for an engine that does not answer', async () => {
    const broken = new Failure({ kind: 'interrupted', what: 'Interrupted' });
    await assert.rejects(findEngine(machine({ docker: broken })), /Interrupted/);
  });
});
