import type { BulkOutcome } from '../lib/bulk.ts';
import { namespacedResources } from '../lib/kube/discovery.ts';
import { NAMESPACES, type KubeObject } from '../lib/kube/types.ts';
import { waitFor } from '../lib/wait.ts';
import {
  empty,
  finalize,
  occupiedNamespaces,
  terminate,
  type DoomedNamespace,
  type RemoveClient,
  type RemoveOptions,
} from './empty-namespaces.ts';

/** Batches grow and shrink so that one takes about this long. */
const BATCH_MS = 2_300;
const FIRST_BATCH = 40;
const MAX_BATCH = 500;

const LEFT_TIMEOUT_MS = 15 * 60_000;

/**
 * Deletes namespaces the fast way. The namespace controller empties each with a delete and a list of every kind of
 * object there is, 60 to 100 requests. Here what is known to be in them is deleted by name, one LIST of each kind over
 * all namespaces proves that a whole batch is empty, and the namespace's finalizer is removed, as the controller would:
 * five requests each. A namespace that holds anything else, or took too long, is left to the controller and waited for.
 */
export async function removeNamespaces(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<BulkOutcome> {
  const { clock } = options;
  const resources = await namespacedResources(client);
  const outcomes: BulkOutcome[] = [];
  const fresh = namespaces.filter(({ terminating }) => !terminating);
  const left = namespaces.filter(({ terminating }) => terminating);
  let size = FIRST_BATCH;
  for (let start = 0; start < fresh.length;) {
    const started = clock.now();
    const batch = fresh.slice(start, start + size);
    const deleted = await terminate(client, batch, options);
    outcomes.push(deleted.outcome, await empty(client, deleted.simple, options));
    const occupied = await occupiedNamespaces(client, resources);
    const clean = deleted.simple.filter(({ name }) => !occupied.has(name));
    const late = await finalize(client, clean, options);
    left.push(...deleted.others, ...deleted.simple.filter(({ name }) => occupied.has(name)), ...late);
    if (outcomes.some(({ gaveUp }) => gaveUp)) break;
    start += batch.length;
    size = Math.round(clamp((batch.length * BATCH_MS) / Math.max(1, clock.now() - started), 10, MAX_BATCH));
  }
  await waitUntilGone(client, left, options);
  return merge(outcomes);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** Waits for the namespaces that the controller empties. */
async function waitUntilGone(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<void> {
  const left = new Set(namespaces.map(({ uid }) => uid));
  if (left.size === 0) return;
  const probe = async (): Promise<true | undefined> => {
    const there = new Set<string | undefined>();
    for await (const { items } of client.pages<KubeObject>(NAMESPACES, { metadataOnly: true })) {
      for (const { metadata } of items) there.add(metadata?.uid);
    }
    for (const uid of left) {
      if (there.has(uid)) continue;
      left.delete(uid);
      options.meter.settle(true);
    }
    return left.size === 0 ? true : undefined;
  };
  await waitFor('the namespace controller to empty what holds more than a policy', probe, {
    clock: options.clock,
    signal: options.signal,
    timeoutMs: LEFT_TIMEOUT_MS,
    maxPauseMs: 2_000,
    explain: () => Promise.resolve(`${left.size} namespaces are still there`),
    hint: 'Look at `npm run kubectl -- get namespaces`: their status says what holds them. Then run the command again.',
  });
}

function merge(outcomes: readonly BulkOutcome[]): BulkOutcome {
  return {
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    failures: outcomes.flatMap(({ failures }) => failures),
    gaveUp: outcomes.some(({ gaveUp }) => gaveUp),
  };
}
