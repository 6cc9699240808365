import { runBulk, type BulkFailure, type BulkMeter, type BulkOutcome } from '../lib/bulk.ts';
import type { Clock } from '../lib/clock.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { namespacedResources } from '../lib/kube/discovery.ts';
import { isNotFound } from '../lib/kube/errors.ts';
import { NAMESPACES, pathOf, type KubeObject, type Resource } from '../lib/kube/types.ts';
import { waitFor } from '../lib/wait.ts';

/** A namespace of ours. The uid makes sure that one of the same name, made by somebody else meanwhile, stays. */
export interface DoomedNamespace {
  readonly name: string;
  readonly uid: string;
}

export interface RemoveOptions {
  /** What is known to be in each of them besides what every namespace has. */
  readonly contents: readonly { readonly resource: Resource; readonly name: string }[];
  readonly concurrency: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Settled once for each namespace that is gone. */
  readonly meter: BulkMeter;
}

export type RemoveClient = Pick<KubeClient, 'request' | 'pages'>;

/** What controllers put into every namespace. */
const IN_EVERY_NAMESPACE = [
  { resource: { group: '', version: 'v1', plural: 'configmaps' }, name: 'kube-root-ca.crt' },
  { resource: { group: '', version: 'v1', plural: 'serviceaccounts' }, name: 'default' },
] as const;

/**
 * Small enough to be through before the namespace controller takes up the first namespace of a batch, five seconds
 * after its deletion (`namespaceDeletionGracePeriod` in its sources); large enough for the check to cost little.
 */
const BATCH = 250;
const LEFT_TIMEOUT_MS = 15 * 60_000;

/**
 * Deletes namespaces the fast way. The namespace controller empties each with a delete and a list of every kind of object there
 * is, 60 to 100 requests. Here what is known to be in them is deleted by name, one LIST of each kind over all
 * namespaces proves that a whole batch is empty, and the namespace's finalizer is removed, as the controller would: six
 * requests each. A namespace that holds anything else is left to the controller and waited for.
 */
export async function removeNamespaces(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<BulkOutcome> {
  const resources = await namespacedResources(client);
  const outcomes: BulkOutcome[] = [];
  const left: DoomedNamespace[] = [];
  for (let start = 0; start < namespaces.length; start += BATCH) {
    const batch = await terminate(client, namespaces.slice(start, start + BATCH), options);
    outcomes.push(batch.outcome, await empty(client, batch.simple, options));
    const occupied = await occupiedNamespaces(client, resources);
    const clean = batch.simple.filter(({ name }) => !occupied.has(name));
    outcomes.push(await finalize(client, clean, options));
    left.push(...batch.others, ...batch.simple.filter(({ name }) => occupied.has(name)));
    if (outcomes.some(({ gaveUp }) => gaveUp)) break;
  }
  await waitUntilGone(client, left, options);
  return merge(outcomes);
}

interface Terminated {
  readonly outcome: BulkOutcome;
  /** With no finalizer but the namespace controller's. */
  readonly simple: readonly DoomedNamespace[];
  readonly others: readonly DoomedNamespace[];
}

/** From here on nothing new comes into the namespaces. */
async function terminate(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<Terminated> {
  const simple: DoomedNamespace[] = [];
  const others: DoomedNamespace[] = [];
  const outcome = await bulk(namespaces, options, async (namespace) => {
    const answer = await ignoreMissing(
      client.request<KubeObject & { readonly spec?: { readonly finalizers?: readonly string[] } }>(
        'DELETE',
        pathOf(NAMESPACES, undefined, namespace.name),
        { body: { preconditions: { uid: namespace.uid } } },
      ),
    );
    if (answer === undefined) options.meter.settle(true);
    else if (answer.spec?.finalizers?.every((finalizer) => finalizer === 'kubernetes') === true) simple.push(namespace);
    else others.push(namespace);
  });
  return { outcome, simple, others };
}

async function empty(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<BulkOutcome> {
  return bulk(namespaces, options, async ({ name: namespace }) => {
    for (const { resource, name } of [...options.contents, ...IN_EVERY_NAMESPACE]) {
      await ignoreMissing(client.request('DELETE', pathOf(resource, namespace, name)));
    }
  });
}

/** The namespaces that hold anything at all. */
async function occupiedNamespaces(
  client: RemoveClient,
  resources: readonly Resource[],
): Promise<ReadonlySet<string>> {
  const occupied = new Set<string>();
  await Promise.all(
    resources.map(async (resource) => {
      for await (const { items } of client.pages<KubeObject>(resource, { metadataOnly: true })) {
        for (const { metadata } of items) occupied.add(metadata?.namespace ?? '');
      }
    }),
  );
  return occupied;
}

async function finalize(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<BulkOutcome> {
  return bulk(namespaces, options, async ({ name, uid }) => {
    await ignoreMissing(
      client.request('PUT', `${pathOf(NAMESPACES, undefined, name)}/finalize`, {
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid }, spec: { finalizers: [] } },
      }),
    );
    options.meter.settle(true);
  });
}

function bulk(
  items: readonly DoomedNamespace[],
  options: RemoveOptions,
  work: (item: DoomedNamespace) => Promise<void>,
): Promise<BulkOutcome> {
  const { concurrency, signal, meter } = options;
  return runBulk(items, {
    concurrency,
    signal,
    nameOf: ({ name }) => name,
    work,
    onFailure: () => {
      meter.settle(false);
    },
  });
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

async function ignoreMissing<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function merge(outcomes: readonly BulkOutcome[]): BulkOutcome {
  return {
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    failures: outcomes.flatMap(({ failures }): readonly BulkFailure[] => failures),
    gaveUp: outcomes.some(({ gaveUp }) => gaveUp),
  };
}
