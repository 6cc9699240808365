import { AUTOGEN_ANNOTATION, type AccountPolicy } from '../../components/kyverno/policies/render.ts';
import type { KubeObject, ObjectMeta } from '../../lib/kube/types.ts';
import { SEED_LABEL } from './options.ts';

/**
 * Whether everything in `desired` is in `observed`. The API server adds fields of its own (the defaults of Kyverno's
 * CRD, in each rule too), so objects may have more; lists have the same length and order.
 */
export function includes(observed: unknown, desired: unknown): boolean {
  if (Array.isArray(desired)) {
    return (
      Array.isArray(observed) &&
      observed.length === desired.length &&
      desired.every((element, index) => includes(observed[index], element))
    );
  }
  if (typeof desired !== 'object' || desired === null) return observed === desired;
  if (typeof observed !== 'object' || observed === null || Array.isArray(observed)) return false;
  return Object.entries(desired).every(([key, value]) =>
    includes((observed as Partial<Record<string, unknown>>)[key], value),
  );
}

/** Whether a policy in the cluster is what it should be. */
export function isUpToDate(observed: KubeObject, desired: AccountPolicy): boolean {
  const had = observed.metadata?.annotations?.[AUTOGEN_ANNOTATION];
  // Its absence is a wish too: `--autogen`.
  if (had !== desired.metadata.annotations?.[AUTOGEN_ANNOTATION]) return false;
  return includes(observed, { metadata: { labels: desired.metadata.labels }, spec: desired.spec });
}

/** The merge patch that brings a policy to its desired state: lists such as the rules are replaced whole. */
export function policyPatch(desired: AccountPolicy): object {
  return {
    metadata: {
      labels: desired.metadata.labels,
      annotations: { [AUTOGEN_ANNOTATION]: null, ...desired.metadata.annotations },
    },
    spec: desired.spec,
  };
}

/** Whether `seed-policies` made the object, with this prefix. */
export function isOurs(metadata: ObjectMeta | undefined, prefix: string): boolean {
  return metadata?.labels?.[SEED_LABEL] === prefix;
}
