import { RBAC_GROUP, ROLE_BINDINGS } from '../../../lib/kube/types.ts';
import { TOOLS_USER_ROLE } from '../rbac-names.ts';
import { apiObject } from './api-object.ts';

/** What lets a tool work in its namespace: the common name of its certificate, bound to the role that all tools have. */
export const roleBinding = apiObject({
  id: 'role-binding',
  version: 1,
  resource: ROLE_BINDINGS,
  scope: 'namespace',
  givesAccess: true,
  wanted: ({ type }) => type === 'tool',
  objectName: ({ name }) => `${name}-tool-binding`,
  render: ({ name }) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: TOOLS_USER_ROLE },
    subjects: [{ apiGroup: RBAC_GROUP, kind: 'User', name }],
  }),
});
