import { securityContexts } from '../../components/workloads/index.ts';
import type { Container, Operation, PodSpec } from './workloads.ts';

/** A field of a pod that says something else than the policy asks for. */
export interface Offence {
  /** In the pod: `spec.containers[0].securityContext.runAsUser`. */
  readonly field: string;
  readonly value: unknown;
  readonly wanted: unknown;
  /** JSON pointer below the pod's specification. */
  readonly pointer: string;
}

/** Fields that a policy fills or completes, whatever a pod says of them. */
const COMPLETED = new Set(['capabilities']);

/**
 * What a pod says that the policy of its tool refuses. What it leaves open the policy fills in, so only what is said can offend;
 * the context that both generators set is the policy, value by value.
 */
export function offencesOf(pod: PodSpec, uid: number): Offence[] {
  const wanted = securityContexts({ uid }, 'explicit');
  const kinds = ['initContainers', 'containers', 'ephemeralContainers'] as const;
  return [
    ...compare(pod.securityContext, wanted.pod ?? {}, 'spec.securityContext', '/securityContext'),
    ...kinds.flatMap((kind) =>
      (pod[kind] ?? []).flatMap(({ securityContext }: Container, index) =>
        compare(
          securityContext,
          wanted.container ?? {},
          `spec.${kind}[${index}].securityContext`,
          `/${kind}/${index}/securityContext`,
        ),
      ),
    ),
  ];
}

function compare(
  said: Readonly<Record<string, unknown>> | undefined,
  wanted: Readonly<Record<string, unknown>>,
  field: string,
  pointer: string,
): Offence[] {
  return Object.entries(wanted).flatMap(([name, value]): Offence[] => {
    const is = said?.[name];
    if (is === undefined || is === null || COMPLETED.has(name)) return [];
    if (typeof value === 'object' && value !== null) {
      return compare(
        is as Readonly<Record<string, unknown>>,
        value as Readonly<Record<string, unknown>>,
        `${field}.${name}`,
        `${pointer}/${name}`,
      );
    }
    return is === value
      ? []
      : [{ field: `${field}.${name}`, value: is, wanted: value, pointer: `${pointer}/${name}` }];
  });
}

/** What mends a template. The `test` keeps it from undoing what somebody changed meanwhile. */
export function mending(offences: readonly Offence[], path: string): Operation[] {
  return offences.flatMap(({ pointer, value, wanted }): Operation[] => [
    { op: 'test', path: `${path}${pointer}`, value },
    { op: 'replace', path: `${path}${pointer}`, value: wanted },
  ]);
}
