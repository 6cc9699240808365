import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { freePorts, outcome, parseEvents, Rig } from '../rig.ts';

const NAME = 'kill';
const KILLS = Number(process.env['KILLS'] ?? 10);
const POLICIES = 300;

/** Numbers in 0..1 that a seed repeats (mulberry32): a failure can be run again with the same moments. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

suite(`kill -9 at ${2 * KILLS} random moments`, () => {
  const seed = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000);
  const random = randomNumbers(seed);
  let rig: Rig;
  let ports: string[];

  before(async () => {
    rig = await Rig.create('tlk');
    ports = await freePorts();
  });
  after(() => rig.dispose(NAME));

  /** Starts a command and kills it after a part of the time; says whether it was still running. */
  const killed = async (withinMs: number, command: string, ...args: string[]): Promise<boolean> => {
    const child = rig.start(command, ...args);
    const ended = outcome(child);
    const timer = setTimeout(() => child.kill('SIGKILL'), random() * withinMs);
    const { signal } = await ended;
    clearTimeout(timer);
    return signal === 'SIGKILL';
  };
  const count = async (kind: string): Promise<number> =>
    (
      await rig.ok('kubectl', '--name', NAME, 'get', kind, '-A', '--no-headers', '-l', 'toolforge-local/seed')
    ).stdout
      .split('\n')
      .filter((line) => line !== '').length;

  test('the next `up` converges each time, whatever `up` and `down` left behind', async (t) => {
    t.diagnostic(`KILL_SEED=${seed}`);
    const took = (await rig.ok('up', '--name', NAME, ...ports)).ms;
    let hits = 0;
    for (let round = 0; round < KILLS; round += 1) {
      if (await killed(2_500, 'down', '--name', NAME)) hits += 1;
      if (await killed(took, 'up', '--name', NAME, ...ports)) hits += 1;
      await rig.ok('up', '--name', NAME, ...ports);
      const { stdout } = await rig.ok('status', '--name', NAME, '--json');
      assert.equal(parseEvents(stdout)[0]?.['healthy'], true, `round ${round}`);
    }
    t.diagnostic(`${hits} of ${2 * KILLS} kills met a running command`);
    assert.ok(hits > KILLS / 2);
  });

  test('the next `seed-policies` goes on where a killed one stopped, and so does a deletion', async (t) => {
    let hits = 0;
    const args = ['--name', NAME, String(POLICIES)];
    for (let round = 0; round < KILLS / 2; round += 1) {
      if (await killed(6_000, 'seed-policies', ...args)) hits += 1;
      if (round % 2 === 1 && (await killed(4_000, 'seed-policies', ...args, '--delete'))) hits += 1;
    }
    t.diagnostic(`${hits} kills met a running command`);
    await rig.ok('seed-policies', ...args);
    assert.equal(await count('policies.kyverno.io'), POLICIES);
    assert.equal(await count('namespaces'), POLICIES);
    await rig.ok('seed-policies', ...args, '--delete');
    assert.equal(await count('namespaces'), 0);
  });
});
