import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Engine } from '../../../cluster/kind/engine.ts';
import { ensureNetwork } from '../../../cluster/kind/network.ts';
import { SPARE_SUBNETS } from '../../../cluster/kind/subnets.ts';
import { recordOf } from '../../record.ts';
import { contextWith } from '../toolchain/fake-go.ts';
import { FakeNetworks } from './fake-networks.ts';

const NAME = 'toolforge-local-c';
const DIRECTORY = '/state/c';
const OWN = { 'toolforge-local.directory': DIRECTORY };
const record = recordOf({ name: 'c', provider: 'kind' });

async function nodeAddress(fake: FakeNetworks, name: Engine['name'] = 'docker'): Promise<string | undefined> {
  const context = contextWith(fake, '/cache', '/state');
  const addresses = await ensureNetwork(record, DIRECTORY, { name, version: '28.2.2' }, context);
  return addresses.get('c-control-plane');
}

for (const engine of ['docker', 'podman'] as const) {
  suite(`the network of a cluster, as ${engine} has it`, () => {
    test('is made with the subnet that the engine chose, and found again', async () => {
      const fake = new FakeNetworks();
      assert.equal(await nodeAddress(fake, engine), '172.18.0.10');
      assert.deepEqual(fake.changes, ['create', 'rm', 'create 172.18.0.0/16']);
      assert.equal(await nodeAddress(fake, engine), '172.18.0.10');
      assert.equal(fake.changes.length, 3);
    });

    test('of somebody else is left alone', async () => {
      const fake = new FakeNetworks();
      for (const labels of [{}, { 'toolforge-local.directory': '/state/other' }]) {
        fake.networks.set(NAME, { subnet: '172.30.0.0/16', labels });
        await assert.rejects(nodeAddress(fake, engine), { kind: 'foreign' });
      }
      assert.deepEqual(fake.changes, []);
    });
  });
}

suite('a network of ours whose making was interrupted', () => {
  test('is made again: containers get no fixed addresses in it', async () => {
    const fake = new FakeNetworks();
    fake.networks.set(NAME, { subnet: '172.30.0.0/16', labels: OWN });
    assert.equal(await nodeAddress(fake), '172.18.0.10');
    assert.deepEqual(fake.changes, ['rm', 'create', 'rm', 'create 172.18.0.0/16']);
  });

  test('stays where it has containers', async () => {
    const fake = new FakeNetworks();
    fake.networks.set(NAME, { subnet: '172.30.0.0/16', labels: OWN });
    fake.used = [NAME];
    assert.equal(await nodeAddress(fake), '172.30.0.10');
    assert.deepEqual(fake.changes, []);
  });
});

suite('a subnet that is in the way of pods or Services', () => {
  const [first = '', second = ''] = SPARE_SUBNETS;

  test('is not taken, but the first other one that the engine accepts', async () => {
    for (const offers of ['192.168.32.0/20', '10.96.128.0/20', '10.0.0.0/8']) {
      const fake = new FakeNetworks();
      Object.assign(fake, { offers, taken: [first] });
      assert.equal(await nodeAddress(fake), second.replace('0/24', '10'));
      assert.equal(fake.networks.get(NAME)?.subnet, second);
    }
  });

  test('is a failure where the engine accepts no other', async () => {
    const fake = new FakeNetworks();
    Object.assign(fake, { offers: '192.168.32.0/20', taken: SPARE_SUBNETS });
    await assert.rejects(nodeAddress(fake), {
      kind: 'environment',
      why: /192\.168\.32\.0\/20.*Pool overlaps/,
    });
    assert.equal(fake.networks.size, 0);
  });

  test('its neighbours are none', async () => {
    for (const offers of ['192.167.0.0/16', '192.169.0.0/16', '10.97.0.0/16', '10.89.0.0/24']) {
      const fake = new FakeNetworks();
      fake.offers = offers;
      await nodeAddress(fake);
      assert.equal(fake.networks.get(NAME)?.subnet, offers);
    }
  });
});
