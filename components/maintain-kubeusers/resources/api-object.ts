import { ifFound, KubeError } from '../../../lib/kube/errors.ts';
import { replace } from '../../../lib/kube/replace.ts';
import type { KubeObject, Resource } from '../../../lib/kube/types.ts';
import { namespaceOf, type Account, type AccountId } from '../accounts/account.ts';
import { difference, objectDifference } from '../difference/object-difference.ts';
import { foreign, isOwn } from '../own.ts';
import { OWN_LABELS } from '../state.ts';
import type { Settings } from '../settings.ts';
import type { ResourceKind, Tools } from './kind.ts';

interface ApiObject {
  readonly id: string;
  readonly version: number;
  readonly resource: Resource;
  wanted(account: AccountId, settings: Settings): boolean;
  /** In the tool's namespace, or in none (it then has to be removed by itself). */
  readonly scope: 'namespace' | 'cluster';
  /** Its name, also of accounts of which nothing else is known any more. */
  objectName(id: AccountId): string;
  /** The object without `metadata`; its labels are ours. */
  render(account: Account, settings: Settings): KubeObject;
  /** Gives access, and so has to go before the namespace is deleted, which may take long. */
  readonly givesAccess?: true;
  /** Cannot be replaced without its `resourceVersion`; server-side apply brings it to its definition. */
  readonly customResource?: true;
}

/** A resource that is one API object, ours in whole: rendered, replaced, compared field by field. */
export function apiObject(kind: ApiObject): ResourceKind {
  const { id, version, resource, scope } = kind;
  const namespace = (account: AccountId): string | undefined =>
    scope === 'namespace' ? namespaceOf(account.name) : undefined;
  const render = (account: Account, settings: Settings): KubeObject => {
    const { metadata, ...object } = kind.render(account, settings);
    const place = namespace(account);
    return {
      ...object,
      metadata: {
        ...metadata,
        name: kind.objectName(account),
        ...(place === undefined ? {} : { namespace: place }),
        labels: { ...metadata?.labels, ...OWN_LABELS },
      },
    };
  };
  return {
    id,
    version,
    resource,
    ...(scope === 'cluster' || kind.givesAccess === true ? { removeFirst: true } : {}),
    wanted: (account, settings) => kind.wanted(account, settings),
    definition: render,
    async apply(account, { client, settings }, expected) {
      const object = render(account, settings);
      if (kind.customResource === true) await client.apply(resource, object, namespace(account));
      else {
        await replace(client, resource, object, namespace(account), expected).catch((error: unknown) =>
          bindAnew(error, client, resource, object),
        );
      }
      return {};
    },
    async remove(account, { client }) {
      const name = kind.objectName(account);
      // In a namespace of ours that name is ours; among everybody's objects it may be somebody else's.
      if (scope === 'cluster') {
        const found = await ifFound(client.get(resource, name));
        if (found === undefined || !isOwn(found)) return;
      }
      await ifFound(client.delete(resource, name, namespace(account)));
    },
    verify(account, { settings }, actual) {
      const found = actual.find(resource, namespace(account), kind.objectName(account));
      return Promise.resolve(
        found === undefined ? 'is missing' : objectDifference(render(account, settings), found),
      );
    },
  };
}

/**
 * The API server never changes what a binding binds to (422): one to another role has to go first. Whoever it is for is
 * without its rights in between; after a kill there the next try makes it. Any other error is thrown again.
 */
async function bindAnew(
  error: unknown,
  client: Tools['client'],
  resource: Resource,
  object: KubeObject,
): Promise<void> {
  const { name = '', namespace } = object.metadata ?? {};
  if (object['roleRef'] === undefined || !(error instanceof KubeError) || error.status !== 422) throw error;
  const found = await client.get(resource, name, namespace);
  if (difference(object['roleRef'], found['roleRef']) === undefined) throw error;
  if (!isOwn(found)) throw foreign(`The ${object.kind ?? 'binding'} ${name}`);
  await ifFound(client.delete(resource, name, namespace));
  await client.create(resource, object, namespace);
}
