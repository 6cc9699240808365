import { isAlreadyExists } from '../../../lib/kube/errors.ts';
import { NAMESPACES, type KubeObject } from '../../../lib/kube/types.ts';
import { namespaceOf, type AccountId } from '../accounts/account.ts';
import { objectDifference } from '../difference/object-difference.ts';
import { foreign, isOwn } from '../own.ts';
import { OWN_LABELS } from '../state.ts';
import type { ResourceKind } from './kind.ts';

/** Labels are production's (TOOLFORGE.md 5), and ours, which says that the namespace was made here. */
function render({ name }: AccountId): KubeObject {
  const namespace = namespaceOf(name);
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace, labels: { name: namespace, tenancy: 'tool', ...OWN_LABELS } },
  };
}

export const namespaceKind: ResourceKind = {
  id: 'namespace',
  version: 1,
  resource: NAMESPACES,
  wanted: ({ type }) => type === 'tool',
  definition: render,
  async apply(account, { client }) {
    const object = render(account);
    try {
      return { namespace: await client.create(NAMESPACES, object) };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      // A namespace of that name that somebody else made is left alone: its objects are not ours to rule, or to delete.
      const existing = await client.get(NAMESPACES, namespaceOf(account.name));
      if (!isOwn(existing)) throw foreign(`The namespace ${namespaceOf(account.name)}`);
      return { namespace: await client.apply(NAMESPACES, object) };
    }
  },
  verify(account, _tools, actual) {
    const found = actual.find(NAMESPACES, undefined, namespaceOf(account.name));
    return Promise.resolve(found === undefined ? 'is missing' : objectDifference(render(account), found));
  },
};
