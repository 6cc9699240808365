import type { KubeClient } from '../lib/kube/client.ts';
import type { Cluster } from './provider.ts';

/** Opens an admin's client of the cluster for some work, and closes it whatever comes of that. */
export async function withClient<T>(
  cluster: Pick<Cluster, 'client'>,
  use: (client: KubeClient) => Promise<T>,
): Promise<T> {
  const client = await cluster.client();
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}
