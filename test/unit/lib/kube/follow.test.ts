import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../../lib/clock.ts';
import { follow } from '../../../../lib/kube/follow.ts';
import type { KubeList, KubeObject, WatchEvent } from '../../../../lib/kube/types.ts';
import { NAMESPACES } from '../../../../lib/kube/types.ts';

const named = (name: string, resourceVersion: number): KubeObject => ({
  metadata: { name, resourceVersion: String(resourceVersion) },
});

/** LISTs and WATCHes as scripted, one after the other; the last WATCH stays open. */
function script(
  steps: readonly (readonly WatchEvent<KubeObject>[] | Error)[],
  lists: readonly (KubeObject[] | Error)[],
) {
  const asked: string[] = [];
  const left = { steps: [...steps], lists: [...lists] };
  const client = {
    async *pages<T>(): AsyncGenerator<KubeList<T>> {
      asked.push('LIST');
      const items = await Promise.resolve(left.lists.shift() ?? []);
      if (items instanceof Error) throw items;
      yield { items: items.slice(0, 1) as T[], metadata: { resourceVersion: '10', continue: 'more' } };
      yield { items: items.slice(1) as T[], metadata: { resourceVersion: '10' } };
    },
    async *watch<T>(
      _: unknown,
      { resourceVersion, signal }: { resourceVersion: string; signal?: AbortSignal },
    ): AsyncGenerator<WatchEvent<T>> {
      asked.push(`WATCH ${resourceVersion}`);
      const step = left.steps.shift();
      if (step instanceof Error) throw step;
      for (const event of step ?? []) yield event as WatchEvent<T>;
      if (step === undefined)
        await new Promise<void>((resolve) =>
          signal?.addEventListener('abort', () => {
            resolve();
          }),
        );
    },
  };
  const seen: string[] = [];
  const errors: unknown[] = [];
  const stop = new AbortController();
  const following = follow({
    client,
    resource: NAMESPACES,
    clock: systemClock,
    signal: stop.signal,
    replace: (objects) => seen.push(`= ${objects.map(({ metadata }) => metadata?.name).join()}`),
    change: ({ type, object }) => seen.push(`${type} ${object.metadata?.name ?? ''}`),
    onError: (error) => errors.push(error),
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await following.ended;
  };
  const until = async (count: number): Promise<void> => {
    for (let tries = 0; asked.length < count && tries < 1_000; tries += 1) await delay(5);
    await end();
  };
  return { asked, seen, errors, until, following };
}

const event = (
  type: WatchEvent<KubeObject>['type'],
  name: string,
  version: number,
): WatchEvent<KubeObject> => ({
  type,
  object: named(name, version),
});

suite('following a resource', () => {
  test('a LIST, then its changes; a WATCH that ends goes on from the last event or bookmark', async () => {
    const { asked, seen, until } = script(
      [[event('ADDED', 'c', 11), event('BOOKMARK', '', 15)], [event('DELETED', 'a', 16)]],
      [[named('a', 1), named('b', 2)]],
    );
    await until(4);
    assert.deepEqual(asked, ['LIST', 'WATCH 10', 'WATCH 15', 'WATCH 16']);
    assert.deepEqual(seen, ['= a,b', 'ADDED c', 'DELETED a']);
  });

  test('a place that is too old, and every error, lead to a new LIST', async () => {
    const { asked, seen, errors, until } = script(
      [[event('ERROR', '', 0)], new Error('cut off')],
      [[named('a', 1)], [named('b', 1)], new Error('no answer'), [named('c', 1)]],
    );
    await until(7);
    assert.deepEqual(asked, ['LIST', 'WATCH 10', 'LIST', 'WATCH 10', 'LIST', 'LIST', 'WATCH 10']);
    assert.deepEqual(seen, ['= a', '= b', '= c']);
    assert.deepEqual(errors.map(String), ['Error: cut off', 'Error: no answer']);
  });

  test('`listed` waits for the first whole LIST', async () => {
    const { following, seen, until } = script([], [new Error('no answer'), [named('a', 1)]]);
    await following.listed;
    assert.deepEqual(seen, ['= a']);
    await until(0);
  });
});
