import { Failure } from '../../lib/errors.ts';
import { ifFound, KubeError } from '../../lib/kube/errors.ts';
import type { KubeObject, Resource } from '../../lib/kube/types.ts';
import type { Session } from './session.ts';

/** The tool's object of that name, or undefined where there is none. */
export function find<T extends KubeObject>(
  { client, tool }: Session,
  resource: Resource,
  name: string,
): Promise<T | undefined> {
  return ifFound(client.get<T>(resource, name, tool.namespace));
}

/** Deletes the tool's object with what it owns; whether there was one. */
export async function remove({ client, tool }: Session, resource: Resource, name: string): Promise<boolean> {
  const deleted = client.delete(resource, name, tool.namespace).then(() => true);
  return (await ifFound(deleted)) ?? false;
}

/** The objects of a kind that belong to a selection of labels. */
export function select<T extends KubeObject>(
  { client, tool }: Session,
  resource: Resource,
  labels: Readonly<Record<string, string>>,
): Promise<T[]> {
  const labelSelector = Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
  return client.list<T>(resource, { namespace: tool.namespace, labelSelector });
}

/** What the API server does not take (quota, an invalid field, a policy), as a person's failure and not a server's. */
export function refusal(what: string, error: unknown): unknown {
  if (!(error instanceof KubeError) || error.status < 400 || error.status >= 500) return error;
  return new Failure({
    kind: 'cluster',
    what: `${what} was refused`,
    ...(error.why === undefined ? {} : { why: error.why }),
    cause: error,
  });
}
