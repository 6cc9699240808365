import { systemClock } from '../../lib/clock.ts';
import { KubeClient } from '../../lib/kube/client.ts';
import { readCredentials } from '../../lib/kube/credentials.ts';
import { KubeError } from '../../lib/kube/errors.ts';
import { pathOf, PODS } from '../../lib/kube/types.ts';
import { waitFor } from '../../lib/wait.ts';

/** A client with the credentials of a kubeconfig. The caller closes it. */
export async function openClient(file: string): Promise<KubeClient> {
  return new KubeClient({ credentials: await readCredentials(file), clock: systemClock });
}

export interface Attempt {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly body: object;
  /** Kept, not only tried. */
  readonly keep?: boolean;
}

/** The object as it is admitted, or the refusal. */
export async function attempt<T>(
  client: KubeClient,
  { method, path, body, keep = false }: Attempt,
): Promise<T | KubeError> {
  try {
    return await client.request<T>(method, path, { body, ...(keep ? {} : { query: { dryRun: 'All' } }) });
  } catch (error) {
    if (error instanceof KubeError) return error;
    throw error;
  }
}

/** A pod as it would be admitted, or the refusal; it has one plain container unless `spec` says otherwise. */
export function attemptPod<T>(
  client: KubeClient,
  namespace: string,
  spec: object,
  { name = 'tried', keep = false }: { readonly name?: string; readonly keep?: boolean } = {},
): Promise<T | KubeError> {
  const body = { metadata: { name }, spec: { containers: [{ name: 'a', image: 'x' }], ...spec } };
  return attempt<T>(client, { method: 'POST', path: pathOf(PODS, namespace), body, keep });
}

/** Waits until it holds. */
export function until(what: string, holds: () => Promise<boolean>): Promise<true> {
  return waitFor(what, async () => ((await holds()) ? true : undefined), {
    clock: systemClock,
    signal: new AbortController().signal,
    timeoutMs: 60_000,
  });
}
