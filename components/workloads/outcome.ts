import { DEPLOYMENTS, EVENTS, JOBS, type KubeObject } from '../../lib/kube/types.ts';
import { waitFor } from '../../lib/wait.ts';
import { find } from './resources.ts';
import type { Session } from './session.ts';

/** What became of an object's pods within a few seconds. */
export type Outcome =
  | { readonly state: 'running' | 'pending' }
  /** Kubernetes cannot make them: quota, a policy. It goes on trying. */
  | { readonly state: 'refused'; readonly reason: string };

/** Long enough for a controller to try and to be refused; nobody likes to wait longer for a prompt. */
const PATIENCE_MS = 5_000;

export interface Deployment extends KubeObject {
  readonly spec?: { readonly template?: { readonly spec?: unknown } };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly unavailableReplicas?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

export interface Job extends KubeObject {
  readonly status?: {
    readonly active?: number;
    readonly succeeded?: number;
    readonly failed?: number;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

interface Event extends KubeObject {
  readonly message?: string;
  readonly lastTimestamp?: string;
  readonly reason?: string;
}

/** Where a Deployment's pods are. It says itself why its ReplicaSet cannot make any. */
export function deploymentOutcome({ metadata, status = {} }: Deployment): Outcome {
  const seen = (status.observedGeneration ?? 0) >= (metadata?.generation ?? 1);
  if (!seen) return { state: 'pending' };
  const failure = status.conditions?.find(
    ({ type, status: holds }) => type === 'ReplicaFailure' && holds === 'True',
  );
  if (failure !== undefined) return { state: 'refused', reason: failure.message ?? 'for an unknown reason' };
  const ready = (status.updatedReplicas ?? 0) > 0 && (status.unavailableReplicas ?? 0) === 0;
  return { state: ready && (status.availableReplicas ?? 0) > 0 ? 'running' : 'pending' };
}

/** Where a Job's pods are. Why there are none is told by events only. */
export async function jobOutcome(session: Session, job: Job): Promise<Outcome> {
  const { active = 0, succeeded = 0, failed = 0 } = job.status ?? {};
  if (active + succeeded + failed > 0) return { state: 'running' };
  const { name = '', uid = '' } = job.metadata ?? {};
  const events = await session.client.list<Event>(EVENTS, {
    namespace: session.tool.namespace,
    // By the uid: events of an earlier job of the same name are kept for an hour.
    fieldSelector: `involvedObject.kind=Job,involvedObject.name=${name},involvedObject.uid=${uid}`,
  });
  const last = events
    .filter(({ reason }) => reason === 'FailedCreate')
    .sort((one, other) => (one.lastTimestamp ?? '').localeCompare(other.lastTimestamp ?? ''))
    .at(-1);
  if (last === undefined) return { state: 'pending' };
  return { state: 'refused', reason: (last.message ?? '').replace(/^Error creating: /, '') };
}

/** Waits a few seconds for the Deployment's pods, or for the reason why there are none. */
export function awaitDeployment(session: Session, name: string): Promise<Outcome> {
  return settle(session, async () => {
    const found = await find<Deployment>(session, DEPLOYMENTS, name);
    return found === undefined ? { state: 'pending' } : deploymentOutcome(found);
  });
}

/** Waits a few seconds for the Job's pods, or for the reason why there are none. */
export function awaitJob(session: Session, name: string): Promise<Outcome> {
  return settle(session, async () => {
    const found = await find<Job>(session, JOBS, name);
    return found === undefined ? { state: 'pending' } : jobOutcome(session, found);
  });
}

function settle(session: Session, look: () => Promise<Outcome>): Promise<Outcome> {
  const { clock, signal } = session;
  const deadline = clock.now() + PATIENCE_MS;
  const probe = async (): Promise<Outcome | undefined> => {
    const outcome = await look();
    return outcome.state === 'pending' && clock.now() < deadline ? undefined : outcome;
  };
  return waitFor('what becomes of the pods', probe, { clock, signal, timeoutMs: 2 * PATIENCE_MS });
}
