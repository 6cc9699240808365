import type { Context } from '../lib/context.ts';
import { KubeClient } from '../lib/kube/client.ts';
import { NO_RETRY } from '../lib/kube/retry.ts';
import { waitFor, type WaitOptions } from '../lib/wait.ts';
import { credentialsOf } from './keys.ts';
import type { PkiStore } from './pki/store.ts';
import type { Endpoint } from './provider.ts';

/** What is known of an API server beside its endpoint. */
export interface StartingApiserver extends Pick<WaitOptions, 'timeoutMs' | 'maxPauseMs' | 'explain'> {
  /** For people: `kube-apiserver-1`. */
  readonly title: string;
  /** Throws the failure that says why there is no use in waiting. */
  readonly requireAlive: () => Promise<void>;
}

/** Waits until an API server answers `/readyz` itself, not through HAProxy. */
export async function waitForApiserver(
  { host, port }: Endpoint,
  pki: PkiStore,
  { title, requireAlive, ...waiting }: StartingApiserver,
  { clock, signal }: Context,
): Promise<void> {
  const client = new KubeClient({
    credentials: await credentialsOf(pki, 'admin', `https://${host}:${port}`),
    clock,
    signal,
    connections: 1,
    retry: NO_RETRY,
  });
  try {
    await waitFor(
      `${title} to be ready`,
      async () => {
        await requireAlive();
        await client.request('GET', '/readyz', { timeoutMs: 2_000 });
        return true;
      },
      { clock, signal, ...waiting },
    );
  } finally {
    await client.close();
  }
}
