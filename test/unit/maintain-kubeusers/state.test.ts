import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { ObservedState } from '../../../components/maintain-kubeusers/difference/observed.ts';
import { objectDifference } from '../../../components/maintain-kubeusers/difference/object-difference.ts';
import {
  OWN_NAMESPACE,
  parseState,
  renderState,
  type AccountState,
} from '../../../components/maintain-kubeusers/state.ts';
import { admin, tool } from './fakes.ts';

suite('the recorded state', () => {
  test('what is written is what is read', () => {
    const text = fc.string().map((value) => `1 ${value}`);
    const time = fc.integer({ min: 0, max: 4_000_000_000_000 });
    const state = fc.record({
      type: fc.constantFrom('tool' as const, 'admin' as const),
      name: fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/),
      disabled: fc.boolean(),
      complete: fc.boolean(),
      resources: fc
        .dictionary(
          fc.stringMatching(/^[a-z-]+$/),
          fc.record({ definition: text, problem: text, triedAt: time }, { requiredKeys: ['definition'] }),
        )
        .map((all) => new Map(Object.entries(all))),
      certificate: fc.option(fc.record({ from: time, until: time })),
    });
    fc.assert(
      fc.property(state, ({ certificate, ...rest }) => {
        const written: AccountState = { ...rest, ...(certificate === null ? {} : { certificate }) };
        const make = rest.type === 'tool' ? tool : admin;
        const read = parseState(renderState(make(rest.name), written));
        // A disabled account has nothing that could be unfinished; nested undefined fields do not count.
        const wanted = { ...written, complete: rest.complete || rest.disabled };
        assert.deepEqual(JSON.parse(JSON.stringify(plain(read))), JSON.parse(JSON.stringify(plain(wanted))));
      }),
    );
  });

  test('a tool that writes to its record speaks for itself only, and never breaks a pass', () => {
    const anything = fc.anything();
    fc.assert(
      fc.property(fc.oneof(anything, fc.dictionary(fc.string(), anything)), (data) => {
        const state = parseState({ metadata: { namespace: 'tool-a', name: 'maintain-kubeusers' }, data });
        if (state === undefined) return;
        assert.deepEqual([state.type, state.name, state.disabled], ['tool', 'a', false]);
      }),
    );
    for (const [namespace, name] of [
      ['tool-a', 'other'],
      ['tool-a', 'enabled.admin.b'],
      ['default', 'maintain-kubeusers'],
      [OWN_NAMESPACE, 'maintain-kubeusers'],
      [OWN_NAMESPACE, 'allow-mass-delete'],
    ] as const) {
      assert.equal(parseState({ metadata: { namespace, name }, data: { status: 'ready' } }), undefined);
    }
  });
});

function plain(state: AccountState | undefined): unknown {
  return state === undefined ? undefined : { ...state, resources: Object.fromEntries(state.resources) };
}

suite('the observed state', () => {
  const namespace = (version: number, terminating = false) => ({
    metadata: {
      name: 'tool-a',
      resourceVersion: String(version),
      ...(terminating ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
  });

  test('an event that comes after a newer answer changes nothing', () => {
    const observed = new ObservedState();
    const phase = () => observed.accounts().get('tool/a')?.namespace;
    observed.set('namespaces', namespace(5));
    observed.set('namespaces', namespace(7, true));
    observed.set('namespaces', namespace(6));
    assert.equal(phase(), 'terminating');
    observed.delete('namespaces', namespace(8));
    assert.equal(phase(), undefined);
    observed.set('namespaces', namespace(9));
    observed.delete('namespaces', namespace(8));
    assert.equal(phase(), 'active', 'the deletion of the one before it');
  });

  test('a LIST replaces what is of its own place only', () => {
    const observed = new ObservedState();
    const record = { metadata: { namespace: OWN_NAMESPACE, name: 'enabled.admin.b' }, data: {} };
    observed.replace('states', 'own', [record]);
    observed.replace('states', 'everywhere', []);
    assert.deepEqual([...observed.accounts().keys()], ['admin/b']);
    observed.replace('states', 'own', []);
    assert.deepEqual([...observed.accounts().keys()], []);
  });
});

suite('objects compared', () => {
  test('what the server adds is no difference; what it lacks or changed is, with its path', () => {
    const wanted = { kind: 'X', spec: { hard: { cpu: '2', memory: '1000m' }, list: [{ a: 1 }], off: false } };
    const actual = {
      metadata: { uid: 'x' },
      spec: { hard: { cpu: '2', memory: '1', more: '1' }, list: [{ a: 1, b: 2 }] },
    };
    assert.equal(objectDifference(wanted, actual), undefined);
    const changed = (spec: object) => objectDifference(wanted, { spec: { ...actual.spec, ...spec } });
    assert.equal(changed({ hard: { cpu: '3', memory: '1' } }), 'differs at spec.hard.cpu');
    assert.equal(changed({ list: [{ a: 2 }] }), 'differs at spec.list[0].a');
    assert.equal(changed({ list: [] }), 'differs at spec.list');
    assert.equal(changed({ off: true }), 'differs at spec.off');
    assert.equal(objectDifference(wanted, {}), 'differs at spec');
  });
});
