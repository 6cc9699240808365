import type { KubeClient } from './client.ts';
import { isNotFound, KubeError } from './errors.ts';
import type { Resource } from './types.ts';

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

interface GroupList {
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
}

/**
 * Every resource that namespaces hold and that can be listed and deleted, in the preferred version of each group:
 * what the namespace controller empties a namespace of.
 * @throws KubeError also when one group cannot be discovered (an aggregated API that is down): the answer would not
 *   be the whole of it
 */
export async function namespacedResources(client: Pick<KubeClient, 'request'>): Promise<Resource[]> {
  const { groups } = await client.request<GroupList>('GET', '/apis');
  const versions = ['v1', ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const lists = await Promise.all(versions.map((version) => resourcesOf(client, version)));
  return lists.flat();
}

async function resourcesOf(client: Pick<KubeClient, 'request'>, groupVersion: string): Promise<Resource[]> {
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', groupVersion];
  const path = group === '' ? `/api/${groupVersion}` : `/apis/${groupVersion}`;
  try {
    const { resources } = await client.request<ResourceList>('GET', path);
    return resources
      .filter(
        ({ name, namespaced, verbs }) =>
          namespaced && !name.includes('/') && verbs.includes('list') && verbs.includes('delete'),
      )
      .map(({ name }) => ({ group: group ?? '', version: version ?? '', plural: name }));
  } catch (error) {
    // A group whose last CustomResourceDefinition was just deleted is named for some seconds more.
    if (error instanceof KubeError && isNotFound(error)) return [];
    throw error;
  }
}
