import type { Context } from '../context.ts';
import { waitFor } from '../wait.ts';
import type { KubeClient } from './client.ts';
import { ifFound } from './errors.ts';
import { NAMESPACES, SERVICE_ACCOUNTS, type KubeObject } from './types.ts';

/** A namespace is emptied before it goes; that takes seconds, on a busy machine more. */
const GONE_MS = 120_000;

/**
 * Makes the namespace, ready for pods. One of that name that is just being deleted is waited for: what was put into it
 * would go too.
 */
export async function makeNamespace(
  client: Pick<KubeClient, 'get' | 'apply'>,
  name: string,
  { clock, signal }: Pick<Context, 'clock' | 'signal'>,
): Promise<void> {
  await waitFor(
    `the namespace ${name} of before to be gone`,
    async () => {
      const found = await ifFound(client.get<KubeObject>(NAMESPACES, name));
      return found?.metadata?.deletionTimestamp === undefined ? true : undefined;
    },
    { clock, signal, timeoutMs: GONE_MS },
  );
  await client.apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  await makeDefaultAccount(client, name);
}

/** The account that pods of a namespace need; the controller that makes it may not run yet, or take a moment. */
export async function makeDefaultAccount(
  client: Pick<KubeClient, 'apply'>,
  namespace: string,
): Promise<void> {
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await client.apply(SERVICE_ACCOUNTS, account, namespace);
}

/** Deletes the namespace with all that is in it; fine when there is none. Does not wait until it is gone. */
export async function removeNamespace(client: Pick<KubeClient, 'delete'>, name: string): Promise<void> {
  await ifFound(client.delete(NAMESPACES, name));
}
