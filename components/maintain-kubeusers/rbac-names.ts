import type { Resource } from '../../lib/kube/types.ts';

const GROUP = { group: 'rbac.authorization.k8s.io', version: 'v1' } as const;
export const ROLES: Resource = { ...GROUP, plural: 'roles' };
export const ROLE_BINDINGS: Resource = { ...GROUP, plural: 'rolebindings' };
export const CLUSTER_ROLES: Resource = { ...GROUP, plural: 'clusterroles' };
export const CLUSTER_ROLE_BINDINGS: Resource = { ...GROUP, plural: 'clusterrolebindings' };

/** ClusterRoles that accounts are bound to (TOOLFORGE.md 5); `view` is Kubernetes' own. */
export const TOOLS_USER_ROLE = 'tools-user';
export const ADMIN_ROLE = 'k8s-admin';
export const VIEW_ROLE = 'view';
