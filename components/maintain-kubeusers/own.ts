import { Failure } from '../../lib/errors.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import { OWN_LABELS } from './state.ts';

/** Whether an object was made here. One that was not is not ours to rule, or to delete. */
export function isOwn({ metadata }: KubeObject): boolean {
  return Object.entries(OWN_LABELS).every(([label, value]) => metadata?.labels?.[label] === value);
}

/** @param what the object, as `The namespace tool-a` */
export function foreign(what: string): Failure {
  return new Failure({
    kind: 'foreign',
    what: `${what} was not made by maintain-kubeusers`,
    hint: `Delete it, or label it ${Object.entries(OWN_LABELS).flat().join('=')} to hand it over.`,
  });
}
