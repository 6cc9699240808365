import assert from 'node:assert/strict';
import path from 'node:path';
import { suite, test } from 'node:test';
import { ADMIN_GROUP_DN, personDn } from '../../../components/ldap/index.ts';
import { valuesOf } from '../../../lib/ldap/types.ts';
import { zoo, type Flaw, type ZooAnimal } from '../../../seed/accounts/index.ts';
import { planZoo, planZooRemoval } from '../../../seed/accounts/zoo-plan.ts';
import type { WorkPlan } from '../../../seed/accounts/write.ts';
import { Directory } from '../ldap/directory.ts';

/** TOOLFORGE.md, section 4. */
const RFC_1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const animals = zoo();
const values = ({ entry }: ZooAnimal, attribute: string) => entry.attributes[attribute] ?? [];
const nameOf = (animal: ZooAnimal): string => String(values(animal, 'cn')[0]).replace(/^local\./, '');
const homeOf = (animal: ZooAnimal): string => String(values(animal, 'homeDirectory')[0]);
const shared = (animal: ZooAnimal, of: (animal: ZooAnimal) => string): boolean =>
  animals.filter((other) => of(other) === of(animal)).length > 1;
const uidOf = (animal: ZooAnimal): string => String(values(animal, 'uidNumber')[0]);

/** What each flaw means, said once more and independently. */
const CLAIMS: Readonly<Record<Flaw, (animal: ZooAnimal) => boolean>> = {
  'name too long': (animal) => nameOf(animal).length >= 54 && RFC_1123.test(nameOf(animal)),
  'name not RFC 1123': (animal) => !RFC_1123.test(nameOf(animal)),
  'name used twice': (animal) => shared(animal, nameOf),
  "name is an admin's": (animal) =>
    !animal.admin && animals.some((other) => other.admin && nameOf(other) === nameOf(animal)),
  'several names': (animal) => values(animal, 'cn').length > 1,
  'project spelled otherwise': (animal) => /^LOCAL\./.test(nameOf(animal)),
  'uid missing': (animal) => values(animal, 'uidNumber').length === 0,
  'uid used twice': (animal) => shared(animal, uidOf),
  'uid out of range': (animal) => !(Number(uidOf(animal)) > 0 && Number(uidOf(animal)) < 2 ** 31),
  'home missing': (animal) => values(animal, 'homeDirectory').length === 0,
  'home outside the data directory': (animal) =>
    path.posix.dirname(path.posix.normalize(homeOf(animal))) !== '/data/project',
  "home is another tool's": (animal) =>
    path.posix.normalize(homeOf(animal).split('\0')[0] ?? '') === '/data/project/tf-test',
  'not UTF-8': (animal) => {
    const [home] = values(animal, 'homeDirectory');
    assert.ok(home instanceof Uint8Array);
    return !Buffer.from(Buffer.from(home).toString('utf8')).equals(home);
  },
};

suite('the zoo of broken entries', () => {
  for (const animal of animals) {
    test(`${animal.label}: ${animal.flaw}`, () => {
      assert.ok(CLAIMS[animal.flaw](animal));
    });
  }

  test('has every kind of flaw, and each entry once', () => {
    assert.deepEqual(new Set(animals.map(({ flaw }) => flaw)), new Set(Object.keys(CLAIMS)));
    assert.equal(new Set(animals.map(({ entry }) => entry.dn)).size, animals.length);
  });

  test('apart from what is wrong with them, names and uids are fine and nobody else’s', () => {
    for (const animal of animals.filter(({ flaw }) => flaw.startsWith('home') || flaw === 'not UTF-8')) {
      assert.match(nameOf(animal), RFC_1123);
      assert.ok(!shared(animal, uidOf));
    }
    for (const animal of animals.filter(({ flaw }) => !flaw.startsWith('uid'))) {
      assert.ok(Number(uidOf(animal)) >= 58_000 && Number(uidOf(animal)) < 60_000);
    }
  });
});

suite('loading the zoo', () => {
  test('its admin becomes a member of the group, and a second time nothing is done; it goes without a trace', async () => {
    const directory = new Directory();
    directory.apply([{ kind: 'add', dn: ADMIN_GROUP_DN, attributes: { member: [personDn('tf-admin')] } }]);
    const client = {
      read: (dn: string) => Promise.resolve(directory.known.get(dn.toLowerCase())),
      search: () => Promise.resolve([...directory.known.values()].filter(({ dn }) => dn !== ADMIN_GROUP_DN)),
    };
    const perform = ({ work }: WorkPlan): number => {
      for (const { changes } of work) directory.apply(changes);
      return work.length;
    };
    const members = () => valuesOf(directory.known.get(ADMIN_GROUP_DN.toLowerCase()) ?? noGroup(), 'member');
    assert.equal(perform(await planZoo(client)), animals.length);
    assert.deepEqual(members(), [personDn('tf-admin'), personDn('zoo-namesake')]);
    const { work, unchanged } = await planZoo(client);
    assert.deepEqual([work, unchanged], [[], animals.length]);
    perform(await planZooRemoval(client));
    assert.deepEqual(directory.names, [ADMIN_GROUP_DN]);
    assert.deepEqual(members(), [personDn('tf-admin')]);
  });
});

function noGroup(): never {
  throw new Error('there is no group of admins');
}
