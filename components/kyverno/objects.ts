import type { Context } from '../../lib/context.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { isNotFound } from '../../lib/kube/errors.ts';
import { NAMESPACES, type KubeList, type KubeObject, type Resource } from '../../lib/kube/types.ts';
import { allOrFirstFailure } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { fingerprint, KYVERNO_NAMESPACE } from './chart.ts';
import { resourceOf, servedResources } from './manifests.ts';

/** On each object: the fingerprint of the manifest that it was brought to. */
const APPLIED = 'toolforge-local/applied';

/** Metadata is all that is asked for: the schemas of Kyverno's CRDs alone are 3 MB. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
/** Groups, versions and resources of the whole API in one answer; before Kubernetes 1.26, the list of groups only. */
const AGGREGATED_DISCOVERY =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

/** An API server takes a second or two to serve 22 CRDs; a loaded machine, much longer. */
const SERVED_TIMEOUT_MS = 120_000;

/**
 * Brings the objects to these manifests by server-side apply: those that are missing or were applied from another
 * manifest. What a person changed since stays changed, as after `kubectl edit` of anything that nobody reapplies.
 * @returns how many were applied
 */
export async function applyObjects(client: KubeClient, objects: readonly KubeObject[]): Promise<number> {
  await client.apply(NAMESPACES, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: KYVERNO_NAMESPACE },
  });
  const applied = await appliedFingerprints(client, objects);
  const stale = objects.filter((object) => applied.get(keyOf(object)) !== fingerprint(object));
  await allOrFirstFailure(
    stale.map(async (object) => {
      await client.apply(resourceOf(object), withFingerprint(object), object.metadata?.namespace);
    }),
  );
  return stale.length;
}

/** The fingerprints on what there is, one LIST of metadata for each kind. */
async function appliedFingerprints(
  client: KubeClient,
  objects: readonly KubeObject[],
): Promise<ReadonlyMap<string, string | undefined>> {
  const kinds = new Map(
    objects.map((object) => [`${object.kind ?? ''}/${object.metadata?.namespace ?? ''}`, object]),
  );
  const found = await Promise.all(
    [...kinds.values()].map(async (example) => {
      const path = collectionPath(resourceOf(example), example.metadata?.namespace);
      const { items } = await client.request<MetadataList>('GET', path, { accept: METADATA_ONLY });
      return (items ?? []).map(({ metadata }): [string, string | undefined] => [
        keyOf({ ...example, metadata: metadata ?? {} }),
        metadata?.annotations?.[APPLIED],
      ]);
    }),
  );
  return new Map(found.flat());
}

function keyOf({ kind, metadata }: KubeObject): string {
  return `${kind ?? ''}/${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

function withFingerprint(object: KubeObject): KubeObject {
  const annotations = { ...object.metadata?.annotations, [APPLIED]: fingerprint(object) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function collectionPath({ group, version, plural }: Resource, namespace: string | undefined): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

interface MetadataList {
  /** Null when there is none: of CRDs on a new cluster. */
  readonly items: readonly KubeObject[] | null;
}

interface ApiGroup {
  readonly metadata: { readonly name: string };
  readonly versions: readonly {
    readonly version: string;
    readonly resources?: readonly { readonly resource: string }[];
  }[];
}

interface ResourceList {
  readonly resources: readonly { readonly name: string }[];
}

/** Waits until the API serves the resources of all CRDs: Kyverno ends at its start where one is missing. */
export async function waitUntilServed(
  client: KubeClient,
  objects: readonly KubeObject[],
  { clock, signal }: Context,
): Promise<void> {
  const resources = servedResources(objects);
  const wanted = resources.map(nameOf);
  await waitFor(
    "the API server to serve Kyverno's resources",
    async () => {
      const served = new Set((await servedBy(client, resources)).map(nameOf));
      const missing = wanted.filter((name) => !served.has(name));
      if (missing.length > 0) throw new Error(`not served yet: ${missing.join(', ')}`);
      return true;
    },
    { clock, signal, timeoutMs: SERVED_TIMEOUT_MS, maxPauseMs: 100 },
  );
}

/**
 * Waits until the roles that are put together from others have rules; kube-controller-manager does that, and is only
 * starting on a new cluster.
 */
export async function waitUntilAggregated(
  client: KubeClient,
  objects: readonly KubeObject[],
  { clock, signal }: Context,
): Promise<void> {
  const roles = objects.filter((object) => object['aggregationRule'] !== undefined);
  await waitFor(
    "Kyverno's roles to be put together",
    async () => {
      const found = await Promise.all(
        roles.map((role) =>
          client.get(resourceOf(role), role.metadata?.name ?? '', role.metadata?.namespace),
        ),
      );
      const empty = found.filter(({ rules }) => !Array.isArray(rules) || rules.length === 0);
      if (empty.length > 0)
        throw new Error(`without rules: ${empty.map(({ metadata }) => metadata?.name).join(', ')}`);
      return true;
    },
    { clock, signal, timeoutMs: SERVED_TIMEOUT_MS, maxPauseMs: 100 },
  );
}

/** What the API serves: all of it, or (from an API server before 1.26) of the groups of the resources asked for. */
async function servedBy(client: KubeClient, resources: readonly Resource[]): Promise<Resource[]> {
  const discovery = await client.request<Partial<KubeList<ApiGroup>>>('GET', '/apis', {
    accept: AGGREGATED_DISCOVERY,
  });
  if (discovery.items !== undefined) return discovery.items.flatMap(resourcesOf);
  const versions = new Map(resources.map((resource) => [`${resource.group}/${resource.version}`, resource]));
  const lists = await Promise.all(
    [...versions.values()].map(async ({ group, version }) => {
      try {
        const list = await client.request<ResourceList>('GET', `/apis/${group}/${version}`);
        return list.resources.map(({ name }) => ({ group, version, plural: name }));
      } catch (error) {
        if (isNotFound(error)) return []; // no version of the group is served yet
        throw error;
      }
    }),
  );
  return lists.flat();
}

function resourcesOf({ metadata, versions }: ApiGroup): Resource[] {
  return versions.flatMap(({ version, resources }) =>
    (resources ?? []).map(({ resource }) => ({ group: metadata.name, version, plural: resource })),
  );
}

function nameOf({ group, version, plural }: Resource): string {
  return `${plural}.${version}.${group}`;
}
