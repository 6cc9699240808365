import { isDeepStrictEqual } from 'node:util';
import type { Pod } from './pod.ts';

/** What one world said to a pod. */
export type Verdict =
  | { readonly admitted: true; readonly pod: Pod }
  | {
      readonly admitted: false;
      /** The admission under test, or the API server's own validation. */
      readonly by: 'policy' | 'api';
      /** In the world's own words. */
      readonly message: string;
    };

/** How the two worlds differ about one pod. */
export interface Difference {
  readonly kind: 'only PSP refuses' | 'only Kyverno refuses' | 'the pods differ';
  /** Without names and numbers, so that the same difference is counted as one: a reason, or a path. */
  readonly what: string;
}

/** The difference in a line: by this it is counted. */
export function describe({ kind, what }: Difference): string {
  return `${kind}: ${what}`;
}

/** Annotations by which PodSecurityPolicy and older API servers note what the pod's fields say too. */
const NOTES = /^(kubernetes\.io\/psp|(container\.)?seccomp\.security\.alpha\.kubernetes\.io\/.*)$/;

/**
 * Undefined: both refuse it, or both admit it and make the same of it. Who refuses, and in what words, is no difference.
 * @param view what of admitted pods is compared
 */
export function difference(
  psp: Verdict,
  kyverno: Verdict,
  view: (pod: Pod) => unknown = normalised,
): Difference | undefined {
  if (psp.admitted && kyverno.admitted) {
    const path = firstDifference(view(psp.pod), view(kyverno.pod), 'pod');
    return path === undefined ? undefined : { kind: 'the pods differ', what: path };
  }
  if (!psp.admitted && !kyverno.admitted) return undefined;
  return psp.admitted
    ? { kind: 'only Kyverno refuses', what: reason(kyverno) }
    : { kind: 'only PSP refuses', what: reason(psp) };
}

/** Why it was refused, in a few words that pods share. */
export function reason(verdict: Verdict): string {
  if (verdict.admitted) return 'admitted';
  if (verdict.by === 'api') return 'the API server’s own validation';
  return pspReason(verdict.message) ?? kyvernoReason(verdict.message) ?? verdict.message.slice(0, 200);
}

/** `[spec.containers[0].securityContext.runAsUser: Invalid value: 0: must be in the ranges: …, …]`: the first field. */
function pspReason(message: string): string | undefined {
  const list = /unable to (?:admit|validate) (?:pod|pod request): \[(.*)\]$/s.exec(message)?.[1];
  if (list === undefined) return undefined;
  const field = /^([^:]+): (?:Invalid value|Forbidden)/.exec(list)?.[1] ?? list.slice(0, 80);
  return field.replace(/\[\d+\]/g, '[*]').replace(/(container\.seccomp[^\]]*\/)[^\]]+/, '$1*');
}

function kyvernoReason(message: string): string | undefined {
  const line = message.replaceAll(/\s+/g, ' ');
  const own = /policy of its tool; ([^']*?)(?:'|$)/.exec(line)?.[1];
  const path = /failed at path (\S+)/.exec(line)?.[1];
  return own?.trim() ?? path?.replace(/\/\d+\//g, '/*/').replace(/[/']+$/, '');
}

/** The pod without what no admission decided: identity, times, the random name of the token's volume. */
export function normalised(pod: Pod): unknown {
  const { annotations = {}, labels } = pod.metadata ?? {};
  const kept = Object.fromEntries(Object.entries(annotations).filter(([name]) => !NOTES.test(name)));
  const text = JSON.stringify({ annotations: kept, labels, spec: pod.spec });
  const parsed = JSON.parse(text.replaceAll(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access')) as {
    spec: Pod['spec'];
  };
  return withSortedCapabilities(parsed);
}

/** Capabilities are a set: PodSecurityPolicy sorts them when it adds one, and leaves them when it does not. */
export function withSortedCapabilities(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    if (key === 'drop' || key === 'add') return [...new Set(value as string[])].sort();
    return value.map((element) => withSortedCapabilities(element));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, element]) => [name, withSortedCapabilities(element, name)]),
  );
}

/** The first path at which two values differ, without indices. */
function firstDifference(left: unknown, right: unknown, path: string): string | undefined {
  if (isDeepStrictEqual(left, right)) return undefined;
  if (Array.isArray(left) && Array.isArray(right) && left.length === right.length) {
    return left
      .map((element, index) => firstDifference(element, (right as unknown[])[index], `${path}[*]`))
      .find((found) => found !== undefined);
  }
  if (isObject(left) && isObject(right)) {
    const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
    return keys
      .map((key) => firstDifference(left[key], right[key], `${path}.${key}`))
      .find((found) => found !== undefined);
  }
  return path;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
