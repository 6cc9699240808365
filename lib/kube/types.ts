/** What of an object's metadata is read or written here. */
export interface ObjectMeta {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string | Date;
  readonly deletionTimestamp?: string | Date;
  readonly finalizers?: readonly string[];
}

/** Any Kubernetes object: what all of them have. Typed kinds come from @kubernetes/client-node (types only). */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
  readonly [field: string]: unknown;
}

/** A page of a LIST, and the whole of one. */
export interface KubeList<T> {
  readonly metadata?: {
    readonly continue?: string;
    readonly resourceVersion?: string;
    readonly remainingItemCount?: number;
  };
  readonly items: readonly T[];
}

/** A resource's place in the API: `{ group: 'kyverno.io', version: 'v1', plural: 'policies' }`. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

export type WatchEvent<T> = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
};

/** The URL path of a collection or, with a name, of an object. */
export function pathOf(resource: Resource, namespace?: string, name?: string): string {
  const root =
    resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${root}${scope}/${resource.plural}${object}`;
}

export const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces' };
export const PODS: Resource = { group: '', version: 'v1', plural: 'pods' };
export const NODES: Resource = { group: '', version: 'v1', plural: 'nodes' };
export const CONFIG_MAPS: Resource = { group: '', version: 'v1', plural: 'configmaps' };
export const SERVICE_ACCOUNTS: Resource = { group: '', version: 'v1', plural: 'serviceaccounts' };
export const SERVICES: Resource = { group: '', version: 'v1', plural: 'services' };
export const EVENTS: Resource = { group: '', version: 'v1', plural: 'events' };
export const INGRESSES: Resource = { group: 'networking.k8s.io', version: 'v1', plural: 'ingresses' };
export const DEPLOYMENTS: Resource = { group: 'apps', version: 'v1', plural: 'deployments' };
export const REPLICA_SETS: Resource = { group: 'apps', version: 'v1', plural: 'replicasets' };
export const JOBS: Resource = { group: 'batch', version: 'v1', plural: 'jobs' };
export const CRON_JOBS: Resource = { group: 'batch', version: 'v1', plural: 'cronjobs' };
export const LEASES: Resource = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' };
export const POLICY_REPORTS: Resource = {
  group: 'wgpolicyk8s.io',
  version: 'v1alpha2',
  plural: 'policyreports',
};
export const POD_SECURITY_POLICIES: Resource = {
  group: 'policy',
  version: 'v1beta1',
  plural: 'podsecuritypolicies',
};

export const RBAC_GROUP = 'rbac.authorization.k8s.io';
export const ROLES: Resource = { group: RBAC_GROUP, version: 'v1', plural: 'roles' };
export const ROLE_BINDINGS: Resource = { group: RBAC_GROUP, version: 'v1', plural: 'rolebindings' };
export const CLUSTER_ROLES: Resource = { group: RBAC_GROUP, version: 'v1', plural: 'clusterroles' };
export const CLUSTER_ROLE_BINDINGS: Resource = {
  group: RBAC_GROUP,
  version: 'v1',
  plural: 'clusterrolebindings',
};

export const POLICIES: Resource = { group: 'kyverno.io', version: 'v1', plural: 'policies' };
