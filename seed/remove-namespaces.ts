import { runBulk, type BulkFailure, type BulkMeter, type BulkOutcome } from '../lib/bulk.ts';
import type { Clock } from '../lib/clock.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { namespacedResources } from '../lib/kube/discovery.ts';
import { isNotFound, KubeError } from '../lib/kube/errors.ts';
import { NO_RETRY } from '../lib/kube/retry.ts';
import { NAMESPACES, pathOf, type KubeObject, type Resource } from '../lib/kube/types.ts';
import { waitFor } from '../lib/wait.ts';

/** A namespace of ours. The uid makes sure that one of the same name, made by somebody else meanwhile, stays. */
export interface DoomedNamespace {
  readonly name: string;
  readonly uid: string;
  /** Deleted earlier: the namespace controller may be at work in it. */
  readonly terminating: boolean;
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
 * The namespace controller takes a namespace up five seconds after its deletion (`namespaceDeletionGracePeriod` in its
 * sources) and then deletes by name whatever is in it, even in a new namespace of that name. So a namespace is
 * finalized well before that, or not at all.
 */
const FINALIZE_UNTIL_MS = 3_500;
const FINALIZED_BY_MS = 4_500;

/** Batches grow and shrink so that one takes about this long. */
const BATCH_MS = 1_500;
const FIRST_BATCH = 50;
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
    const late = await finalize(client, clean, started, options);
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
    const finalizers = await deleteNamespace(client, namespace);
    if (finalizers === 'gone') options.meter.settle(true);
    else if (finalizers.length === 1 && finalizers[0] === 'kubernetes') simple.push(namespace);
    else others.push(namespace);
  });
  return { outcome, simple, others };
}

/** Returns the finalizers of its content; none where the answer does not tell. */
async function deleteNamespace(
  client: RemoveClient,
  { name, uid }: DoomedNamespace,
): Promise<'gone' | readonly string[]> {
  try {
    const { spec } = await client.request<{ readonly spec?: { readonly finalizers?: readonly string[] } }>(
      'DELETE',
      pathOf(NAMESPACES, undefined, name),
      { body: { preconditions: { uid } } },
    );
    return spec?.finalizers ?? [];
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    // It is being deleted already (by a try of ours that was not answered, say), or has another uid: waiting tells.
    if (error instanceof KubeError && error.status === 409) return [];
    throw error;
  }
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

/** Returns those for which it is too late. */
async function finalize(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  deletedAt: number,
  options: RemoveOptions,
): Promise<readonly DoomedNamespace[]> {
  const { clock, meter } = options;
  const late: DoomedNamespace[] = [];
  await bulk(namespaces, options, async (namespace) => {
    const { name, uid } = namespace;
    const elapsed = clock.now() - deletedAt;
    if (elapsed > FINALIZE_UNTIL_MS) {
      late.push(namespace);
      return;
    }
    try {
      await client.request('PUT', `${pathOf(NAMESPACES, undefined, name)}/finalize`, {
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid }, spec: { finalizers: [] } },
        retry: NO_RETRY,
        timeoutMs: FINALIZED_BY_MS - elapsed,
      });
      meter.settle(true);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      late.push(namespace); // or gone already: waiting will tell
    }
  });
  return late;
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
