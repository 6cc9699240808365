import { CLUSTER_ROLE_BINDINGS, RBAC_GROUP } from '../../../lib/kube/types.ts';
import { ADMIN_ROLE, VIEW_ROLE } from '../rbac-names.ts';
import { apiObject } from './api-object.ts';
import type { ResourceKind } from './kind.ts';

/** Admins see everything, and act by impersonating whom they need to be (TOOLFORGE.md 5). */
function adminBinding(id: string, suffix: string, role: string): ResourceKind {
  return apiObject({
    id,
    version: 1,
    resource: CLUSTER_ROLE_BINDINGS,
    scope: 'cluster',
    wanted: ({ type }) => type === 'admin',
    objectName: ({ name }) => `${name}${suffix}`,
    render: ({ name }) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: RBAC_GROUP, kind: 'User', name }],
    }),
  });
}

export const adminViewBinding = adminBinding('admin-view-binding', '-view-binding', VIEW_ROLE);
export const adminRoleBinding = adminBinding('admin-binding', '-binding', ADMIN_ROLE);
