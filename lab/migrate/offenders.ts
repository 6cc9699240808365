import { PRODUCTION } from '../../cluster/production.ts';
import { toolOf } from '../../components/maintain-kubeusers/index.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { JOBS, POLICY_REPORTS, PODS, REPLICA_SETS, type KubeObject } from '../../lib/kube/types.ts';
import { mending, offencesOf, type Offence } from './offences.ts';
import { listWorkloads, patchWorkload, restartWorkload, type PodSpec, type Workload } from './workloads.ts';

/** One thing that one workload has to change before its policy may refuse pods. */
export interface Offender {
  readonly tool: string;
  /** `Deployment/web`, `Pod/shell-1` */
  readonly workload: string;
  readonly field: string;
  readonly value: string;
  /** What to do about it. */
  readonly fix: string;
}

/** An offender as the cells of a table. */
export function cellsOf({ tool, workload, field, value, fix }: Offender): readonly string[] {
  return [tool, workload, field, value, fix];
}

/** What Kyverno's reports say about the pods of tools. */
export interface Findings {
  readonly pods: number;
  /** Pods that no report speaks of yet. */
  readonly unjudged: readonly string[];
  readonly offenders: readonly Offender[];
  readonly mendable: readonly Mendable[];
}

/** What `--fix` can mend: a template by its offences; a Deployment whose template has none by a restart. */
interface Mendable {
  readonly workload: Workload;
  readonly offences: readonly Offence[];
}

interface Pod extends KubeObject {
  readonly metadata: NonNullable<KubeObject['metadata']> & { readonly ownerReferences?: readonly Owner[] };
  readonly spec: PodSpec;
  readonly status?: { readonly phase?: string };
}

interface Owner {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

interface Report extends KubeObject {
  readonly scope?: { readonly kind?: string; readonly uid?: string };
  readonly results?: readonly {
    readonly policy: string;
    readonly result: string;
    readonly message?: string;
  }[];
}

/**
 * Reads Kyverno's reports on the pods of tools, and names for each that fails the workload, the field, its value and what to do.
 * @param uids of tools that are asked about
 */
export async function findOffenders(
  client: KubeClient,
  uids: ReadonlyMap<string, number>,
): Promise<Findings> {
  const [pods, verdicts, workloads, controllers] = await Promise.all([
    podsOf(client, uids),
    verdictsOf(client),
    listWorkloads(client),
    controllersOf(client),
  ]);
  const byUid = new Map(workloads.map((workload) => [workload.uid, workload]));
  const offenders = new Map<string, Offender>();
  const mendable = new Map<string, Mendable>();
  const add = (
    tool: string,
    workload: Workload | undefined,
    name: string,
    pod: PodSpec,
    said?: string,
  ): void => {
    const uid = uids.get(tool);
    if (uid === undefined) return;
    const offences = offencesOf(workload?.pod ?? pod, uid);
    if (workload !== undefined && (offences.length > 0 || (said !== undefined && restarts(workload))))
      mendable.set(workload.uid, { workload, offences });
    for (const row of rowsOf(offences, workload, said)) {
      offenders.set(`${keyOf(tool, name)} ${row.field}`, { tool, workload: name, ...row });
    }
  };
  const unjudged: string[] = [];
  for (const pod of pods) {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const verdict = verdicts.get(uid);
    if (verdict === undefined) unjudged.push(`${namespace}/${name}`);
    if (verdict === undefined || verdict === 'pass') continue;
    const owner = topOwner(pod, controllers);
    const workload = byUid.get(owner.uid);
    add(toolOf(namespace) ?? '', workload, `${owner.kind}/${owner.name}`, pod.spec, verdict);
  }
  // A CronJob whose time has not come has no pod that a report could be about.
  for (const workload of workloads.filter(({ kind }) => kind === 'CronJob'))
    add(workload.tool, workload, nameOf(workload), workload.pod);
  return {
    pods: pods.length,
    unjudged,
    offenders: [...offenders.values()],
    mendable: [...mendable.values()],
  };
}

/**
 * Mends the templates that can be, and restarts what only its pods are wrong of. Their new pods are then reported on anew.
 * @param done what was mended; its old pods, which are there for a moment yet, are no reason to do it again
 * @param now milliseconds since the epoch
 * @returns how many were mended
 */
export async function mend(
  client: KubeClient,
  { mendable }: Findings,
  done: Set<string>,
  now: number,
): Promise<number> {
  const due = mendable.filter(({ workload }) => !done.has(keyOf(workload.tool, nameOf(workload))));
  for (const { workload, offences } of due) {
    await (offences.length > 0
      ? patchWorkload(client, workload, mending(offences, workload.path))
      : restartWorkload(client, workload, now));
    done.add(keyOf(workload.tool, nameOf(workload)));
  }
  return due.length;
}

/** Whether nothing that was mended has pods of before any more; a CronJob has, while its Job runs. */
export function isReplaced({ offenders }: Findings, done: ReadonlySet<string>): boolean {
  return !offenders.some(({ tool, workload }) => done.has(keyOf(tool, workload)));
}

const nameOf = ({ kind, name }: Workload): string => `${kind}/${name}`;
const keyOf = (tool: string, workload: string): string => `${tool} ${workload}`;

type Row = Pick<Offender, 'field' | 'value' | 'fix'>;

/** Whether a change of its template makes its pods anew. A CronJob leaves a Job that runs alone. */
const restarts = ({ kind }: Workload): boolean => kind === 'Deployment';

function rowsOf(
  offences: readonly Offence[],
  workload: Workload | undefined,
  said: string | undefined,
): Row[] {
  if (offences.length > 0) {
    return offences.map(({ field, value, wanted }) => ({
      field,
      value: JSON.stringify(value),
      fix:
        workload === undefined
          ? `make it anew with ${JSON.stringify(wanted)}`
          : `${JSON.stringify(wanted)}, which --fix writes`,
    }));
  }
  if (said === undefined) return [];
  const row = { field: failedPath(said), value: '' };
  // The policy fills in what a pod leaves open when the pod is made: one from before the policy lacks it for ever.
  if (workload === undefined) return [{ ...row, fix: `make it anew; Kyverno says: ${said}` }];
  const fix = restarts(workload)
    ? 'a restart, which --fix does'
    : 'wait for the end of this Job, or delete it';
  return [{ ...row, fix: `its template is fine: ${fix}` }];
}

/** Kyverno names where a pattern failed: `… failed at path /spec/securityContext/runAsNonRoot/`. */
function failedPath(message: string): string {
  const path = /at path (\/\S+?)\/?(?:\s|$)/.exec(message)?.[1];
  return path === undefined ? 'the pod' : path.slice(1).replaceAll('/', '.');
}

async function podsOf(client: KubeClient, uids: ReadonlyMap<string, number>): Promise<Pod[]> {
  const pods = await client.list<Pod>(PODS);
  return pods.filter(
    ({ metadata, status }) =>
      uids.has(toolOf(metadata.namespace ?? '') ?? '') &&
      metadata.deletionTimestamp === undefined &&
      !['Succeeded', 'Failed'].includes(status?.phase ?? ''),
  );
}

/** By the uid of the pod: `pass`, or what its policy has against it. */
async function verdictsOf(client: KubeClient): Promise<Map<string, string>> {
  const verdicts = new Map<string, string>();
  for (const { scope, results = [] } of await client.list<Report>(POLICY_REPORTS)) {
    if (scope?.kind !== 'Pod' || scope.uid === undefined) continue;
    const ours = results.filter((result) => result.policy.split('/').at(-1) === PRODUCTION.accountPolicyName);
    if (ours.length === 0) continue;
    const failed = ours.find(({ result }) => result === 'fail' || result === 'error');
    verdicts.set(scope.uid, failed === undefined ? 'pass' : (failed.message ?? failed.result));
  }
  return verdicts;
}

/** The owners of ReplicaSets and Jobs, by their uid. */
async function controllersOf(client: KubeClient): Promise<Map<string, Owner>> {
  const owners = new Map<string, Owner>();
  for (const resource of [REPLICA_SETS, JOBS]) {
    for (const { metadata } of await client.list<Pod>(resource)) {
      const [owner] = metadata.ownerReferences ?? [];
      if (metadata.uid !== undefined && owner !== undefined) owners.set(metadata.uid, owner);
    }
  }
  return owners;
}

/** What a person made: the Deployment of a pod's ReplicaSet, the CronJob of its Job, or the pod itself. */
function topOwner({ metadata }: Pod, controllers: ReadonlyMap<string, Owner>): Owner {
  const [owner] = metadata.ownerReferences ?? [];
  if (owner === undefined) return { kind: 'Pod', name: metadata.name ?? '', uid: metadata.uid ?? '' };
  return controllers.get(owner.uid) ?? owner;
}
