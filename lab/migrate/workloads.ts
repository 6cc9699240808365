import { isDeepStrictEqual } from 'node:util';
import { toolOf } from '../../components/maintain-kubeusers/index.ts';
import { securityContexts, type Generation } from '../../components/workloads/index.ts';
import { runBulk } from '../../lib/bulk.ts';
import { Failure } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { CRON_JOBS, DEPLOYMENTS, pathOf, type KubeObject, type Resource } from '../../lib/kube/types.ts';

/** Where a kind of workload keeps its pods' specification. */
const TEMPLATES: readonly {
  readonly kind: string;
  readonly resource: Resource;
  readonly path: string;
}[] = [
  { kind: 'Deployment', resource: DEPLOYMENTS, path: '/spec/template/spec' },
  { kind: 'CronJob', resource: CRON_JOBS, path: '/spec/jobTemplate/spec/template/spec' },
];

/** The two generators; what others make is not theirs to change. */
const GENERATORS = 'app.kubernetes.io/managed-by in (webservice, toolforge-jobs-framework)';
const CONCURRENCY = 8;

export interface Container {
  readonly name: string;
  readonly securityContext?: Readonly<Record<string, unknown>>;
}

export interface PodSpec {
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
}

/** An operation of a JSON patch (RFC 6902). */
export interface Operation {
  readonly op: 'add' | 'replace' | 'remove' | 'test';
  readonly path: string;
  readonly value?: unknown;
}

/** A workload that makes pods from a template. */
export interface Workload {
  readonly kind: string;
  readonly resource: Resource;
  readonly tool: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** JSON pointer of the pods' specification. */
  readonly path: string;
  readonly pod: PodSpec;
}

/** The Deployments and CronJobs of tools. */
export async function listWorkloads(client: KubeClient, labelSelector?: string): Promise<Workload[]> {
  const found: Workload[] = [];
  for (const { kind, resource, path } of TEMPLATES) {
    const selection = labelSelector === undefined ? {} : { labelSelector };
    for (const object of await client.list<KubeObject>(resource, selection)) {
      const { namespace = '', name = '', uid = '' } = object.metadata ?? {};
      const pod = path
        .split('/')
        .slice(1)
        .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], object) as PodSpec;
      const tool = toolOf(namespace);
      if (tool !== undefined) found.push({ kind, resource, tool, namespace, name, uid, path, pod });
    }
  }
  return found;
}

export async function patchWorkload(
  client: KubeClient,
  { resource, namespace, name }: Workload,
  operations: readonly Operation[],
): Promise<void> {
  await client.request('PATCH', pathOf(resource, namespace, name), {
    body: operations,
    contentType: 'application/json-patch+json',
  });
}

/**
 * Makes its pods anew, as `kubectl rollout restart` does.
 * @param now milliseconds since the epoch
 */
export async function restartWorkload(
  client: KubeClient,
  { resource, namespace, name }: Workload,
  now: number,
): Promise<void> {
  const annotations = { 'kubectl.kubernetes.io/restartedAt': new Date(now).toISOString() };
  await client.request('PATCH', pathOf(resource, namespace, name), {
    body: { spec: { template: { metadata: { annotations } } } },
    contentType: 'application/merge-patch+json',
  });
}

export interface Regenerate {
  readonly generation: Generation;
  /** By tool; workloads of others are left alone. */
  readonly uids: ReadonlyMap<string, number>;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, of: number) => void;
}

/**
 * Brings what the two generators made before to what they make now, as a roll-out of a new version of them does.
 * @returns how many were changed, and how many there are
 * @throws Failure `incomplete` when some could not be changed
 */
export async function regenerate(
  client: KubeClient,
  { generation, uids, signal, onProgress }: Regenerate,
): Promise<{ readonly changed: number; readonly all: number }> {
  const all = await listWorkloads(client, GENERATORS);
  const due = all.flatMap((workload) => {
    const uid = uids.get(workload.tool);
    const operations = uid === undefined ? [] : contextOperations(workload, uid, generation);
    return operations.length === 0 ? [] : [{ workload, operations }];
  });
  let done = 0;
  const outcome = await runBulk(due, {
    concurrency: CONCURRENCY,
    signal,
    nameOf: ({ workload }) => `${workload.namespace}/${workload.name}`,
    work: ({ workload, operations }) => patchWorkload(client, workload, operations),
    onSuccess: () => {
      done += 1;
      onProgress(done, due.length);
    },
  });
  if (outcome.failed > 0) {
    throw new Failure({
      kind: 'incomplete',
      what: `${outcome.failed} of ${due.length} workloads could not be changed`,
      why: outcome.failures.map(({ name, failure }) => `${name}: ${failure.what}`).join('\n'),
      hint: 'Run the command again: what is done stays done.',
    });
  }
  return { changed: due.length, all: all.length };
}

/** What makes a template say what this generation of the generators says; empty when it does. */
export function contextOperations(
  { path, pod }: Pick<Workload, 'path' | 'pod'>,
  uid: number,
  generation: Generation,
): Operation[] {
  const wanted = securityContexts({ uid }, generation);
  return [
    ...contextOperation(`${path}/securityContext`, pod.securityContext, wanted.pod),
    ...pod.containers.flatMap(({ securityContext }, index) =>
      contextOperation(`${path}/containers/${index}/securityContext`, securityContext, wanted.container),
    ),
  ];
}

function contextOperation(
  path: string,
  is: Readonly<Record<string, unknown>> | undefined,
  wanted: Readonly<Record<string, unknown>> | undefined,
): Operation[] {
  // The API writes an empty one into templates that have none.
  const empty = is === undefined || Object.keys(is).length === 0;
  if (wanted === undefined) return empty ? [] : [{ op: 'remove', path }];
  return isDeepStrictEqual(stored(wanted), is) ? [] : [{ op: 'add', path, value: wanted }];
}

/** As the API keeps it: without the feature that it has not, a `procMount` is dropped. */
function stored(context: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(context).filter(([field]) => field !== 'procMount'));
}
