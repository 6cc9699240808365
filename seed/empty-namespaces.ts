import { runBulk, type BulkMeter, type BulkOutcome } from '../lib/bulk.ts';
import type { Clock } from '../lib/clock.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { ifFound, isNotFound, KubeError } from '../lib/kube/errors.ts';
import { NO_RETRY } from '../lib/kube/retry.ts';
import { NAMESPACES, pathOf, type KubeObject, type Resource } from '../lib/kube/types.ts';

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

/** A namespace whose content is being deleted, by us or in the end by the namespace controller. */
export interface Terminating extends DoomedNamespace {
  /** When we asked for it: not later than it happened. */
  readonly deletedAt: number;
}

export interface Terminated {
  readonly outcome: BulkOutcome;
  /** With no finalizer but the namespace controller's. */
  readonly simple: readonly Terminating[];
  readonly others: readonly DoomedNamespace[];
}

/** From here on nothing new comes into the namespaces. */
export async function terminate(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<Terminated> {
  const simple: Terminating[] = [];
  const others: DoomedNamespace[] = [];
  const outcome = await bulk(namespaces, options, async (namespace) => {
    const deletedAt = options.clock.now();
    const found = await deleteNamespace(client, namespace);
    if (found === 'gone') options.meter.settle(true);
    else if (isSimple(found, deletedAt)) simple.push({ ...namespace, deletedAt });
    else others.push(namespace);
  });
  return { outcome, simple, others };
}

type Deleted = KubeObject & { readonly spec?: { readonly finalizers?: readonly string[] } };

/** Whether nothing but the namespace controller waits for it, and not since some time already: then it is ours to do. */
function isSimple({ metadata, spec }: Deleted, deletedAt: number): boolean {
  const since = Date.parse(String(metadata?.deletionTimestamp)); // in whole seconds
  if (since + 1_000 < deletedAt) return false;
  return spec?.finalizers?.length === 1 && spec.finalizers[0] === 'kubernetes';
}

/** Returns the namespace; empty where the answer does not tell. */
async function deleteNamespace(
  client: RemoveClient,
  { name, uid }: DoomedNamespace,
): Promise<'gone' | Deleted> {
  try {
    const body = { preconditions: { uid } };
    return await client.request<Deleted>('DELETE', pathOf(NAMESPACES, undefined, name), { body });
  } catch (error) {
    if (isNotFound(error)) return 'gone';
    // It has another uid, or its deletion cannot go on yet: waiting tells.
    if (error instanceof KubeError && error.status === 409) return {};
    throw error;
  }
}

/** Deletes what is known to be in them. */
export async function empty(
  client: RemoveClient,
  namespaces: readonly DoomedNamespace[],
  options: RemoveOptions,
): Promise<BulkOutcome> {
  return bulk(namespaces, options, async ({ name: namespace }) => {
    for (const { resource, name } of [...options.contents, ...IN_EVERY_NAMESPACE]) {
      await ifFound(client.request('DELETE', pathOf(resource, namespace, name)));
    }
  });
}

/** The namespaces that hold anything at all. */
export async function occupiedNamespaces(
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

/**
 * Removes the finalizer of namespaces that were found empty, and so the namespaces.
 * @returns those for which it is too late
 */
export async function finalize(
  client: RemoveClient,
  namespaces: readonly Terminating[],
  options: RemoveOptions,
): Promise<readonly DoomedNamespace[]> {
  const { clock, meter } = options;
  const late: DoomedNamespace[] = [];
  await bulk(namespaces, options, async (namespace) => {
    const { name, uid, deletedAt } = namespace;
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

function bulk<Item extends DoomedNamespace>(
  items: readonly Item[],
  options: RemoveOptions,
  work: (item: Item) => Promise<void>,
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
