import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findEngine } from '../../../cluster/kind/engine.ts';
import { nodeLogs } from '../../../cluster/kind/logs.ts';
import { recordOf } from '../../record.ts';
import { machine, STOPPED, type Says } from './fake-machine.ts';

const record = recordOf({ name: 'c', provider: 'kind' });
const logs = async (docker: Says) => nodeLogs(record, await findEngine(machine({ docker })));

suite('logs in nodes', () => {
  test('are shown by the engine', async () => {
    const kubelet = (await logs('28.2.2')).find(({ name }) => name === 'kubelet-1');
    const { program, args } = kubelet?.command(5, true) ?? {};
    assert.equal(program, 'docker');
    assert.deepEqual(args?.slice(0, 3), ['exec', 'c-control-plane', 'journalctl']);
  });

  test('are named without one, so that logs on the host are found beside them; showing one needs it', async () => {
    const named = await logs(STOPPED);
    assert.ok(named.length > 4);
    for (const source of named) {
      assert.throws(() => source.command(5, false), {
        what: 'No container engine answers',
        hint: /start docker/,
      });
    }
  });
});
