import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { keyOf, type Account } from '../../../components/maintain-kubeusers/accounts/account.ts';
import { DesiredState } from '../../../components/maintain-kubeusers/difference/desired.ts';
import {
  computeDifference,
  type Action,
  type Settled,
} from '../../../components/maintain-kubeusers/difference/difference.ts';
import type {
  Observed,
  ObservedAccount,
} from '../../../components/maintain-kubeusers/difference/observed.ts';
import type { AccountState, ResourceState } from '../../../components/maintain-kubeusers/state.ts';
import type { Settings } from '../../../components/maintain-kubeusers/settings.ts';
import { admin, DAY, NOW, SETTINGS, tool } from './fakes.ts';

const DUE = { now: NOW, renewBefore: 30 * DAY, retryProblems: 60 * 60_000 };
const VALID = { from: NOW - DAY, until: NOW + 300 * DAY };

const desiredOf = (accounts: readonly Account[], settings: Settings = SETTINGS) =>
  new DesiredState(settings).of({ accounts, skipped: [] });

function stateOf(account: Account, changes: Partial<AccountState> = {}, settings = SETTINGS): AccountState {
  const { type, name, disabled } = account;
  const definitions =
    desiredOf([account], settings).accounts.get(keyOf(account))?.resources ?? new Map<string, string>();
  const resources = new Map(
    [...definitions].map(([id, definition]): [string, ResourceState] => [id, { definition }]),
  );
  return {
    type,
    name,
    disabled,
    complete: true,
    resources,
    ...(disabled ? {} : { certificate: VALID }),
    ...changes,
  };
}

function observedOf(...accounts: readonly ObservedAccount[]): Observed {
  return new Map(accounts.map((account) => [keyOf(account.id), account]));
}

const active = (account: Account, state: AccountState | undefined = stateOf(account)): ObservedAccount => ({
  id: { type: account.type, name: account.name },
  ...(account.type === 'tool' ? { namespace: 'active' as const } : {}),
  enabled: state,
});

function diff(accounts: readonly Account[], observed: Observed, settings = SETTINGS, due = DUE) {
  return computeDifference(desiredOf(accounts, settings), observed, due);
}

const kinds = (actions: readonly Action[]): string[] => actions.map(({ kind, id }) => `${kind} ${keyOf(id)}`);

suite('the difference', () => {
  test('what was settled before changes nothing, whatever the clock and the definitions do', () => {
    const account = tool('a');
    const days = fc.integer({ min: -400, max: 400 });
    const desired = [SETTINGS, { ...SETTINGS, quotaOverrides: { a: { version: 2, cpu: '4' } } }].map(
      (settings) => desiredOf([account], settings),
    );
    const found = fc
      .record({ from: days, until: days, problem: fc.boolean(), complete: fc.boolean() })
      .map(({ from, until, problem, complete }) => {
        const state = stateOf(account, {
          complete,
          certificate: { from: NOW + from * DAY, until: NOW + until * DAY },
        });
        const resources = new Map(state.resources);
        const [id = ''] = resources.keys();
        if (problem) resources.set(id, { definition: resources.get(id)?.definition ?? '', problem: 'x' });
        return observedOf(active(account, { ...state, resources }));
      });
    const looks = fc.array(fc.tuple(days, fc.constantFrom(...desired)), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(found, looks, (observed, times) => {
        const settled: Settled = new WeakMap();
        for (const [day, wanted] of times) {
          const due = { ...DUE, now: NOW + day * DAY };
          assert.deepEqual(
            computeDifference(wanted, observed, due, settled),
            computeDifference(wanted, observed, due),
          );
        }
      }),
    );
  });

  test('everything as recorded: nothing to do', () => {
    const accounts = [tool('a'), admin('b')];
    const { actions, blocked } = diff(accounts, observedOf(...accounts.map((each) => active(each))));
    assert.deepEqual([actions, blocked], [[], []]);
  });

  test('a new account is created with everything, in the order in which it is made', () => {
    const [action] = diff([tool('a')], new Map()).actions;
    assert.equal(action?.kind, 'create');
    assert.deepEqual(action.apply, [
      'namespace',
      'limit-range',
      'policy',
      'resource-quota',
      'role-binding',
      'home',
      'certificate',
      'kubeconfig',
    ]);
  });

  test('an admin has bindings and files, and no namespace', () => {
    const [action] = diff([admin('a')], new Map()).actions;
    assert.deepEqual(action?.apply, [
      'admin-view-binding',
      'admin-binding',
      'home',
      'certificate',
      'kubeconfig',
    ]);
  });

  test('a changed definition rolls through all accounts, and only that resource', () => {
    const accounts = [tool('a', 50_001), tool('b', 50_002), admin('c')];
    const observed = observedOf(...accounts.map((each) => active(each)));
    const enforce: Settings = { ...SETTINGS, policy: { profile: 'toolforge', action: 'Enforce' } };
    const { actions } = diff(accounts, observed, enforce);
    assert.deepEqual(kinds(actions), ['upgrade tool/a', 'upgrade tool/b']);
    assert.deepEqual(actions[0]?.apply, ['policy']);
    const granted: Settings = { ...SETTINGS, quotaOverrides: { b: { version: 1, pods: 20 } } };
    const raised = diff(accounts, observed, granted).actions;
    assert.deepEqual(kinds(raised), ['upgrade tool/b']);
    assert.deepEqual(raised[0]?.apply, ['resource-quota']);
  });

  test('policies that are switched off are taken away', () => {
    const without: Settings = { ...SETTINGS, policy: undefined };
    const [action] = diff([tool('a')], observedOf(active(tool('a'))), without).actions;
    assert.deepEqual([action?.kind, action?.apply, action?.remove], ['upgrade', [], ['policy']]);
  });

  test('a certificate is renewed when it is about to end, not valid yet, or not recorded', () => {
    const account = tool('a');
    const reasonWith = (state: Partial<AccountState>) => {
      const [action] = diff([account], observedOf(active(account, stateOf(account, state)))).actions;
      return [action?.kind, action?.apply, action?.reason];
    };
    const certificate = ['certificate'];
    assert.deepEqual(reasonWith({ certificate: { from: 0, until: NOW + 29 * DAY } }), [
      'renew',
      certificate,
      'its certificate is about to end',
    ]);
    assert.deepEqual(reasonWith({ certificate: { from: NOW + DAY, until: NOW + 400 * DAY } }), [
      'renew',
      certificate,
      'its certificate is not valid yet',
    ]);
    const { complete, resources } = stateOf(account);
    const unrecorded: AccountState = { type: 'tool', name: 'a', disabled: false, complete, resources };
    const [action] = diff([account], observedOf(active(account, unrecorded))).actions;
    assert.deepEqual([action?.kind, action?.apply], ['renew', certificate]);
  });

  test('a certificate that lives for less than the days before its end is renewed with a third of its time left', () => {
    const account = tool('a');
    const minute = 60_000;
    const observed = observedOf(
      active(account, stateOf(account, { certificate: { from: NOW, until: NOW + 15 * minute } })),
    );
    const desired = desiredOf([account]);
    const settled: Settled = new WeakMap();
    const at = (now: number) => kinds(computeDifference(desired, observed, { ...DUE, now }, settled).actions);
    assert.deepEqual(at(NOW), [], 'it was issued a moment ago');
    assert.deepEqual(at(NOW + 9 * minute), []);
    assert.deepEqual(at(NOW + 11 * minute), ['renew tool/a']);
  });

  test('a problem is left alone for an hour, and looked at again when the clock jumped back', () => {
    const account = tool('a');
    const at = (triedAt: number | undefined) => {
      const state = stateOf(account);
      const resources = new Map(state.resources);
      const { definition = '' } = resources.get('kubeconfig') ?? {};
      resources.set('kubeconfig', {
        definition,
        problem: 'is not YAML',
        ...(triedAt === undefined ? {} : { triedAt }),
      });
      const [action] = diff([account], observedOf(active(account, { ...state, resources }))).actions;
      return action?.kind;
    };
    assert.equal(at(NOW - 59 * 60_000), undefined);
    assert.equal(at(NOW - 61 * 60_000), 'repair');
    assert.equal(at(NOW + 1), 'repair');
    assert.equal(at(undefined), 'repair');
  });

  test('locked and unlocked', () => {
    const locked = tool('a', 50_001, true);
    const [disable] = diff([locked], observedOf(active(tool('a')))).actions;
    assert.deepEqual([disable?.kind, disable?.apply], ['disable', ['disabled-mark']]);
    const record = { id: locked, disabled: stateOf(locked) };
    assert.deepEqual(diff([locked], observedOf(record)).actions, []);
    // However long its namespace takes to go.
    assert.deepEqual(diff([locked], observedOf({ ...record, namespace: 'terminating' })).actions, []);
    assert.deepEqual(kinds(diff([locked], observedOf({ ...record, namespace: 'active' })).actions), [
      'disable tool/a',
    ]);
    assert.deepEqual(kinds(diff([tool('a')], observedOf(record)).actions), ['enable tool/a']);
    const going = diff([tool('a')], observedOf({ ...record, namespace: 'terminating' }));
    assert.deepEqual([kinds(going.actions), going.blocked.length], [[], 1]);
  });

  test('gone from the directory: deleted; an entry that cannot be read: left alone', () => {
    const observed = observedOf(active(tool('a')), active(tool('b', 50_002)), active(admin('c')));
    assert.deepEqual(kinds(diff([tool('a')], observed).actions), ['delete tool/b', 'delete admin/c']);
    const desired = new DesiredState(SETTINGS).of({
      accounts: [tool('a')],
      skipped: [{ type: 'tool', entry: 'x', names: ['b', 'z'], reason: 'uid used twice' }],
    });
    assert.deepEqual(kinds(computeDifference(desired, observed, DUE).actions), ['delete admin/c']);
  });

  test('a tool cannot claim a definition that was not applied to it', () => {
    const enforce: Settings = { ...SETTINGS, policy: { profile: 'toolforge', action: 'Enforce' } };
    // It knows the sources and its own record, but not the key.
    const guess: Settings = { ...enforce, stateKey: 'a guess' };
    const account = tool('a');
    const forged = active(account, stateOf(account, {}, guess));
    assert.deepEqual(kinds(diff([account], observedOf(forged), enforce).actions), ['upgrade tool/a']);
    const other = tool('b', 50_001);
    const borrowed = active(account, { ...stateOf(other), name: 'a' });
    assert.equal(diff([account], observedOf(borrowed)).actions[0]?.apply.length, 8);
  });

  test('applying a difference leads to none, from anywhere', () => {
    const names = ['a', 'b', 'c', 'd'] as const;
    const place = fc.record({
      type: fc.constantFrom('tool' as const, 'admin' as const),
      name: fc.constantFrom(...names),
      wanted: fc.constantFrom('enabled', 'disabled', 'absent'),
      namespace: fc.constantFrom('active' as const, 'terminating' as const, undefined),
      enabled: fc.boolean(),
      disabledRecord: fc.boolean(),
      complete: fc.boolean(),
      missing: fc.subarray(['namespace', 'policy', 'home', 'certificate']),
      extra: fc.subarray(['policy-of-old', 'pod-security-policy']),
      until: fc.constantFrom(NOW + 10 * DAY, NOW + 100 * DAY),
      problem: fc.option(fc.constantFrom(NOW, NOW - 2 * 60 * 60_000, NOW + DAY)),
    });
    const scenario = fc.uniqueArray(place, { selector: ({ type, name }) => `${type}/${name}`, maxLength: 6 });
    fc.assert(
      fc.property(scenario, (places) => {
        const accounts = places.flatMap(({ type, name, wanted }, index) => {
          if (wanted === 'absent') return [];
          const make = type === 'tool' ? tool : admin;
          return [make(name, 50_000 + index, wanted === 'disabled')];
        });
        const observed = new Map<string, ObservedAccount>();
        for (const [index, each] of places.entries()) {
          const make = each.type === 'tool' ? tool : admin;
          const account = make(each.name, 50_000 + index);
          const full = stateOf(account, {
            complete: each.complete,
            certificate: { from: 0, until: each.until },
          });
          const resources = new Map([...full.resources].filter(([id]) => !each.missing.includes(id)));
          for (const id of each.extra) resources.set(id, { definition: '1 x' });
          if (each.problem !== null) {
            resources.set('kubeconfig', {
              definition: full.resources.get('kubeconfig')?.definition ?? '',
              problem: 'p',
              triedAt: each.problem,
            });
          }
          const found: ObservedAccount = {
            id: { type: each.type, name: each.name },
            ...(each.type === 'tool' && each.namespace !== undefined ? { namespace: each.namespace } : {}),
            ...(each.enabled && (each.type === 'admin' || each.namespace !== undefined)
              ? { enabled: { ...full, resources } }
              : {}),
            ...(each.disabledRecord ? { disabled: stateOf({ ...account, disabled: true }) } : {}),
          };
          observed.set(keyOf(account), found);
        }
        const first = diff(accounts, observed);
        const ids = first.actions.map(({ id }) => keyOf(id));
        assert.equal(new Set(ids).size, ids.length, 'one action an account');
        for (const action of first.actions) simulate(action, observed);
        // The namespace controller comes by.
        for (const [key, found] of observed) {
          if (found.namespace !== 'terminating') continue;
          if (found.disabled === undefined) observed.delete(key);
          else observed.set(key, { id: found.id, disabled: found.disabled });
        }
        for (const action of diff(accounts, observed).actions) simulate(action, observed);
        assert.deepEqual(diff(accounts, observed).actions, []);
      }),
    );
  });
});

/** What performing an action comes to, in the observed state. */
function simulate(action: Action, observed: Map<string, ObservedAccount>): void {
  const key = keyOf(action.id);
  const { id } = action;
  const found = observed.get(key);
  const gone = found?.namespace === undefined ? {} : { namespace: 'terminating' as const };
  if (action.kind === 'delete') {
    if (id.type === 'tool' && found?.namespace !== undefined) observed.set(key, { id, ...gone });
    else observed.delete(key);
    return;
  }
  const { account } = action;
  assert.ok(account !== undefined);
  const state = stateOf(account);
  if (action.kind === 'disable') {
    observed.set(key, { id, disabled: state, ...gone });
    return;
  }
  const known = new Map(found?.enabled?.resources ?? []);
  for (const name of action.remove) known.delete(name);
  for (const name of action.apply)
    known.set(name, { definition: state.resources.get(name)?.definition ?? '' });
  const certificate = action.apply.includes('certificate') ? VALID : found?.enabled?.certificate;
  observed.set(key, {
    id,
    ...(id.type === 'tool' ? { namespace: 'active' as const } : {}),
    enabled: { ...state, resources: known, ...(certificate === undefined ? {} : { certificate }) },
  });
}
