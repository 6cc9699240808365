import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ADMIN_GROUP_DN, personDn, toolDn, toolGroupDn } from '../../../components/ldap/index.ts';
import { valuesOf } from '../../../lib/ldap/types.ts';
import { targets } from '../../../seed/accounts/desired.ts';
import { refuseForeign } from '../../../seed/accounts/observe.ts';
import { markOf, MAX_TOOLS } from '../../../seed/accounts/options.ts';
import { removalFor } from '../../../seed/accounts/remove.ts';
import { planFor } from '../../../seed/accounts/write.ts';
import { Directory } from '../ldap/directory.ts';

const PREFIX = 'seed';
/** TOOLFORGE.md, section 4: a usable tool name. */
const USABLE = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const counts = fc.integer({ min: 0, max: 40 });
/** Each example builds a directory or two: fewer than fast-check's hundred keep this in milliseconds. */
const EXAMPLES = { numRuns: 25 };
const prefixes = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,22}[a-z0-9])?$/);

function seeded(count: number, admins = 2): Directory {
  const directory = new Directory();
  directory.apply([{ kind: 'add', dn: ADMIN_GROUP_DN, attributes: { member: [personDn('tf-admin')] } }]);
  seed(directory, count, admins);
  return directory;
}

function seed(directory: Directory, count: number, admins = 2): number {
  const { work } = planFor(targets({ count, prefix: PREFIX, admins }), directory.known);
  for (const { changes } of work) directory.apply(changes);
  return work.length;
}

function remove(directory: Directory, count: number | undefined): void {
  for (const { changes } of removalFor(directory.known, PREFIX, count).work) directory.apply(changes);
}

/** What the cluster is told to expect. */
function going(directory: Directory, count: number | undefined): number {
  const { work } = removalFor(directory.known, PREFIX, count);
  return work.filter(({ kind, account }) => kind === 'delete' && account).length;
}

/** Members of groups that are no entries. */
function dangling(directory: Directory): string[] {
  const { known } = directory;
  const members = [...known.values()].flatMap((entry) => valuesOf(entry, 'member').map(String));
  return members.filter((dn) => !known.has(dn.toLowerCase()) && dn !== personDn('tf-admin'));
}

suite('seeded accounts', () => {
  test('with the last tools the admins go, and count too; maintainers do not', () => {
    const directory = seeded(20);
    assert.equal(going(directory, 5), 5);
    assert.equal(going(directory, undefined), 22);
  });

  test('every tool has a usable name, its home, its group, and a uid that nobody else has', () => {
    fc.assert(
      fc.property(prefixes, fc.integer({ min: 1, max: 300 }), (prefix, count) => {
        const uids = new Map<string, string>();
        for (const { kind, name, main, entries } of targets({ count, prefix, admins: 3 })) {
          assert.match(name, USABLE);
          assert.ok(name.length < 54);
          for (const { dn, attributes } of entries) {
            const [uid] = attributes['uidNumber'] ?? [];
            if (typeof uid !== 'string') continue;
            assert.equal(uids.get(uid), undefined, `${dn} and ${String(uids.get(uid))} share ${uid}`);
            uids.set(uid, dn);
            assert.ok(Number(uid) > 60_000 && Number(uid) < 2 ** 31);
          }
          if (kind === 'admin') continue;
          assert.deepEqual(main.attributes['homeDirectory'], [`/data/project/${name}`]);
          const group = entries.find(({ dn }) => dn === toolGroupDn(name));
          assert.deepEqual(group?.attributes['gidNumber'], main.attributes['gidNumber']);
          assert.ok(group?.attributes['member']?.includes(toolDn(name)));
        }
      }),
      EXAMPLES,
    );
  });

  test('the largest run has no uid twice either', () => {
    const uids = [...targets({ count: MAX_TOOLS, prefix: PREFIX, admins: 100 })].flatMap(({ entries }) =>
      entries.flatMap(({ attributes }) => attributes['uidNumber'] ?? []),
    );
    assert.equal(new Set(uids).size, uids.length);
    assert.equal(uids.length, MAX_TOOLS + MAX_TOOLS / 2 + 100);
  });

  test('a tool does not depend on how many there are', () => {
    fc.assert(
      fc.property(counts, counts, (one, other) => {
        const of = (count: number) => [...targets({ count, prefix: PREFIX, admins: 0 })];
        const both = Math.min(one, other);
        assert.deepEqual(of(one).slice(0, both), of(other).slice(0, both));
      }),
      EXAMPLES,
    );
  });

  test('every member of a group is an entry, after any run', () => {
    fc.assert(
      fc.property(counts, (count) => {
        assert.deepEqual(dangling(seeded(count)), []);
      }),
      EXAMPLES,
    );
  });

  test('a second run has nothing to do, and a larger one adds only what is missing', () => {
    fc.assert(
      fc.property(counts, counts, (first, more) => {
        const directory = seeded(first);
        assert.equal(seed(directory, first), 0);
        assert.equal(seed(directory, first + more), more);
      }),
      EXAMPLES,
    );
  });

  test('a run that was cut anywhere is completed by the next', () => {
    fc.assert(
      fc.property(counts, fc.nat(500), (count, cut) => {
        const whole = seeded(count);
        const directory = seeded(0, 0);
        const { work } = planFor(targets({ count, prefix: PREFIX, admins: 2 }), directory.known);
        directory.apply(work.flatMap(({ changes }) => changes).slice(0, cut));
        seed(directory, count);
        assert.deepEqual(directory.names.toSorted(), whole.names.toSorted());
        assert.equal(seed(directory, count), 0);
      }),
      EXAMPLES,
    );
  });
});

suite('taking seeded accounts away', () => {
  test('without a count, everything goes and nothing else', () => {
    fc.assert(
      fc.property(counts, (count) => {
        const directory = seeded(count);
        remove(directory, undefined);
        assert.deepEqual(directory.names, [ADMIN_GROUP_DN]);
        assert.deepEqual(valuesOf([...directory.known.values()][0] ?? noEntry(), 'member'), [
          personDn('tf-admin'),
        ]);
      }),
      EXAMPLES,
    );
  });

  test('with a count, the first tools go; the others keep their people', () => {
    fc.assert(
      fc.property(counts, counts, (count, going) => {
        const directory = seeded(count);
        remove(directory, going);
        const tools = directory.names.filter((dn) => dn.startsWith('uid=local.'));
        assert.equal(tools.length, Math.max(0, count - going));
        assert.deepEqual(dangling(directory), []);
        if (going < count) assert.ok(directory.names.includes(personDn('seed-admin-0001')));
        seed(directory, count);
        assert.deepEqual(directory.names.toSorted(), seeded(count).names.toSorted());
      }),
      EXAMPLES,
    );
  });

  test('an entry without our mark stays, whatever its name', () => {
    const directory = seeded(3);
    directory.apply([{ kind: 'replace', dn: toolDn('seed-0002'), attributes: { description: ['mine'] } }]);
    remove(directory, undefined);
    assert.deepEqual(directory.names.toSorted(), [ADMIN_GROUP_DN, toolDn('seed-0002')].toSorted());
  });

  test('another prefix is not ours, even one that ours starts with', () => {
    const directory = seeded(2);
    const other = planFor(targets({ count: 2, prefix: 'seed-0001', admins: 0 }), directory.known);
    directory.apply(other.work.flatMap(({ changes }) => changes));
    remove(directory, undefined);
    assert.ok(directory.names.includes(toolDn('seed-0001-0001')));
    assert.ok(!directory.names.includes(toolDn('seed-0001')));
  });
});

suite('entries that are not ours', () => {
  test('stop the run before anything is written', () => {
    const directory = seeded(1, 0);
    directory.apply([{ kind: 'replace', dn: toolDn('seed-0001'), attributes: { description: [] } }]);
    const wanted = [...targets({ count: 2, prefix: PREFIX, admins: 1 })];
    assert.throws(
      () => {
        refuseForeign(wanted, directory.known, markOf(PREFIX));
      },
      { kind: 'foreign', what: /uid=local\.seed-0001.*not made by seed-accounts/, hint: /--prefix/ },
    );
  });

  test('the group of admins is everybody’s', () => {
    const directory = seeded(1, 1);
    refuseForeign([...targets({ count: 1, prefix: PREFIX, admins: 1 })], directory.known, markOf(PREFIX));
  });
});

function noEntry(): never {
  throw new Error('no entry');
}
