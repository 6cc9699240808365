import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { KubeClient, Selection } from '../../../lib/kube/client.ts';
import type { KubeObject, Resource, WatchEvent } from '../../../lib/kube/types.ts';
import { EVERYWHERE, ObservedState } from '../../../components/maintain-kubeusers/difference/observed.ts';
import { observe } from '../../../components/maintain-kubeusers/loop/observe.ts';
import { renderState } from '../../../components/maintain-kubeusers/state.ts';
import { tool } from './fakes.ts';

/** The record of a tool at a version, complete or not. */
function record(name: string, resourceVersion: number, complete = true): KubeObject {
  const account = tool(name);
  const object = renderState(account, { ...account, complete, resources: new Map() });
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(resourceVersion) } };
}

const completeIn = (observed: ObservedState, name: string): boolean | undefined =>
  observed.accounts().get(`tool/${name}`)?.enabled?.complete;

suite('a LIST that the answer to a write has overtaken', () => {
  test('takes nothing back that is newer, and does not bring an older version of it', () => {
    const observed = new ObservedState();
    observed.set('states', record('a', 12));
    observed.set('states', record('b', 13));
    observed.replace('states', EVERYWHERE, [record('b', 9, false), record('c', 8)], '11');
    assert.equal(completeIn(observed, 'a'), true);
    assert.equal(completeIn(observed, 'b'), true);
    assert.equal(completeIn(observed, 'c'), true);
  });

  test('keeps nothing for good: a deletion that the WATCH tells later counts, and so does the next LIST', () => {
    const observed = new ObservedState();
    observed.set('states', record('a', 12));
    observed.set('states', record('b', 13));
    observed.replace('states', EVERYWHERE, [], '11');
    // From the LIST on the WATCH repeats what was known, then brings what came after it.
    assert.equal(observed.set('states', record('a', 12)), false);
    observed.delete('states', record('a', 14));
    assert.deepEqual([...observed.accounts().keys()], ['tool/b']);
    observed.replace('states', EVERYWHERE, [], '15');
    assert.deepEqual([...observed.accounts().keys()], []);
  });

  test('versions are compared as numbers', () => {
    const observed = new ObservedState();
    observed.set('states', record('a', 9));
    observed.replace('states', EVERYWHERE, [], '10');
    assert.deepEqual([...observed.accounts().keys()], []);
  });
});

interface Turn {
  /** What the LIST brings, and the version that it is of. */
  readonly list: readonly KubeObject[];
  readonly version: number;
  /** Before the answer is read. */
  readonly meanwhile?: (observed: ObservedState) => void;
  /** What the WATCH brings before it breaks. */
  readonly events?: readonly WatchEvent<KubeObject>[];
}

/** Follows the records of tools through these LISTs, each with the WATCH after it; the last one goes on. */
async function through(turns: readonly Turn[]) {
  const observed = new ObservedState();
  const stop = new AbortController();
  const done = Promise.withResolvers<undefined>();
  const views: string[] = [];
  let turn = -1;
  const isTools = (selection?: Selection): boolean => selection?.fieldSelector !== undefined;
  const client = {
    async *pages(_: Resource, selection?: Selection) {
      const { list, version, meanwhile } = isTools(selection)
        ? (turns[++turn] ?? assert.fail('one LIST too many'))
        : { list: [], version: 1, meanwhile: undefined };
      await Promise.resolve();
      meanwhile?.(observed);
      yield { items: list, metadata: { resourceVersion: String(version) } };
    },
    async *watch(_: Resource, { signal, ...selection }: Selection & { signal?: AbortSignal }) {
      if (isTools(selection)) {
        yield* turns[turn]?.events ?? [];
        if (turn < turns.length - 1) throw new Error('the connection broke');
        done.resolve(undefined);
      }
      await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    },
  } as unknown as Pick<KubeClient, 'pages' | 'watch'>;
  await observe({
    ...{ client, observed, signal: stop.signal },
    clock: { now: () => 0, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
    onChange: () => undefined,
    onError: (view, error) => views.push(`${view}: ${String(error)}`),
    onWhole: (view) => views.push(`${view} whole`),
    onOwnObject: () => undefined,
  });
  await done.promise;
  stop.abort();
  return { observed, views: views.filter((each) => each.startsWith('states everywhere')) };
}

suite('following the cluster', () => {
  test('a WATCH that breaks while accounts are made loses no record, and none that goes stays', async () => {
    const { observed, views } = await through([
      { list: [], version: 10, events: [{ type: 'ADDED', object: record('a', 11, false) }] },
      {
        list: [record('a', 11, false)],
        version: 12,
        meanwhile: (state) => {
          for (const [name, version] of [
            ['a', 13],
            ['b', 14],
            ['c', 15],
          ] as const)
            state.set('states', record(name, version));
        },
        events: [
          { type: 'MODIFIED', object: record('a', 13) },
          { type: 'ADDED', object: record('c', 15) },
          { type: 'DELETED', object: record('c', 16) },
        ],
      },
    ]);
    assert.deepEqual([...observed.accounts().keys()], ['tool/a', 'tool/b']);
    assert.equal(completeIn(observed, 'a'), true);
    assert.deepEqual(views, [
      'states everywhere whole',
      'states everywhere: Error: the connection broke',
      'states everywhere whole',
    ]);
  });

  test('a store that was taken back counts as it is, however new what we knew was', async () => {
    const { observed } = await through([
      { list: [record('a', 5)], version: 10, events: [{ type: 'ADDED', object: record('b', 90) }] },
      { list: [record('a', 5)], version: 40, events: [{ type: 'ADDED', object: record('c', 41) }] },
    ]);
    assert.deepEqual([...observed.accounts().keys()], ['tool/a', 'tool/c']);
  });
});
