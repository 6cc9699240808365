import { quantity } from '../../../lib/kube/quantity.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';

/**
 * Says where an object in the cluster is not as it was rendered: the path of the first field that differs, or undefined.
 * What the API server, or a webhook, adds beside the rendered fields is no difference.
 */
export function objectDifference(wanted: KubeObject, actual: KubeObject): string | undefined {
  // The items of a LIST do not repeat what the list is of.
  return difference({ ...wanted, apiVersion: undefined, kind: undefined }, actual);
}

/** The same of any part of one. */
export function difference(wanted: unknown, actual: unknown, path = ''): string | undefined {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(actual) || actual.length !== wanted.length) return differs(path);
    for (const [index, item] of wanted.entries()) {
      const found = difference(item, actual[index], `${path}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (isRecord(wanted)) {
    if (!isRecord(actual)) return differs(path);
    for (const [key, value] of Object.entries(wanted)) {
      if (value === undefined) continue;
      const found = difference(value, actual[key], path === '' ? key : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  // Go leaves a field out that is false.
  const same =
    wanted === actual || (wanted === false && actual === undefined) || sameQuantity(wanted, actual);
  return same ? undefined : differs(path);
}

function differs(path: string): string {
  return `differs at ${path === '' ? 'the top' : path}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The API server writes quantities in a canonical form: `1000m` comes back as `1`. */
function sameQuantity(wanted: unknown, actual: unknown): boolean {
  const [left, right] = [quantity(wanted), quantity(actual)];
  return left !== undefined && left === right;
}
