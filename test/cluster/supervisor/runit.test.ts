import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { resolveRunit } from '../../../cluster/supervisor/resolve.ts';
import { RunitSupervisor, type RunitTools } from '../../../cluster/supervisor/runit.ts';
import type { Service, ServiceStatus } from '../../../cluster/supervisor/service.ts';
import { systemClock } from '../../../lib/clock.ts';
import { systemRunner } from '../../../lib/run.ts';
import { quietContext } from '../context.ts';

/** Takes its time to end, as etcd and API servers do. */
const SLOW: Service = {
  name: 'slow',
  program: '/bin/sh',
  args: ['-c', 'trap "sleep 1; exit 0" TERM; while :; do sleep 0.05; done'],
};

suite('runit', () => {
  let directory: string;
  let tools: RunitTools;
  let supervisor: RunitSupervisor;

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'runit-'));
    const context = quietContext(directory);
    tools = await resolveRunit(context, { update: () => undefined });
    supervisor = new RunitSupervisor(directory, tools, context);
  });
  after(async () => {
    await supervisor.shutdown();
    await rm(directory, { recursive: true });
  });

  const slow = async (): Promise<ServiceStatus | undefined> => (await supervisor.status(['slow']))[0];
  /** What a command says that is killed before it sees the service end. */
  const say = (command: string): Promise<unknown> =>
    systemRunner.run(tools.sv, [command, path.join(directory, 'services', 'slow')], {
      env: tools.libraryPath === undefined ? {} : { LD_LIBRARY_PATH: tools.libraryPath },
    });

  for (const command of ['exit', 'down', 'term']) {
    test(`a service that is about to end, after \`sv ${command}\`, is started anew`, async () => {
      await supervisor.apply([SLOW]);
      const old = (await slow())?.pid;
      assert.ok(old !== undefined);
      await say(command);
      assert.deepEqual(await supervisor.apply([SLOW]), ['slow']);
      const status = await slow();
      assert.ok(status?.pid !== undefined && status.pid !== old, JSON.stringify({ old, status }));
      assert.equal(status.deaths, 0);
      // The one that runs now is there to stay.
      await systemClock.sleep(1_500);
      assert.equal((await slow())?.pid, status.pid);
    });
  }

  test('one that does not end when it is asked to is killed', async () => {
    const deaf: Service = {
      name: 'deaf',
      program: '/bin/sh',
      args: ['-c', 'trap "" TERM; while :; do sleep 0.05; done'],
      killed: true,
    };
    await supervisor.apply([deaf]);
    const started = systemClock.now();
    await supervisor.stop(['deaf']);
    assert.ok(systemClock.now() - started < 10_000); // not after the 20 s that others have
    assert.equal((await supervisor.status(['deaf']))[0]?.pid, undefined);
    await supervisor.remove(['deaf']);
  });

  test('a service that runs as it should is left alone', async () => {
    const old = (await slow())?.pid;
    assert.deepEqual(await supervisor.apply([SLOW]), []);
    assert.equal((await slow())?.pid, old);
  });
});
