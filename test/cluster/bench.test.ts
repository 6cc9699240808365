import assert from 'node:assert/strict';
import { access } from 'node:fs/promises';
import { after, before, suite, test } from 'node:test';
import type { Result } from '../../lab/bench/measurement.ts';
import { parseEvents, Rig } from '../rig.ts';

const NAME = 'bnch';

suite('bench', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.create('tlb');
  });
  after(() => rig.dispose(NAME));

  test('measures everything in one run on a cluster of its own, and removes that', async () => {
    const { stdout } = await rig.ok(
      'bench',
      '--name',
      NAME,
      '--policies',
      '20',
      '--accounts',
      '20',
      '--json',
    );
    const { results } = parseEvents(stdout).find(({ event }) => event === 'bench') as unknown as {
      results: Result[];
    };
    const ids = results.map(({ id }) => id);
    for (const id of [
      'up',
      'kind',
      'namespaces',
      'policies',
      'seed-policies',
      'delete',
      'accounts',
      'accounts.requests',
      'pass',
      'accounts.reaction',
      'accounts.keys',
      'quota',
      'accounts.delete',
      'memory.everything',
    ]) {
      assert.ok(ids.includes(id), `${id} is not among ${ids.join(', ')}`);
    }
    for (const result of results) {
      if ('skipped' in result) assert.notEqual(result.skipped, '');
      else if (result.id !== 'pass')
        assert.ok(result.value > 0 && (result.against?.ratio ?? 1) > 0, JSON.stringify(result));
    }
    await assert.rejects(access(rig.directory(NAME)));
  });
});
