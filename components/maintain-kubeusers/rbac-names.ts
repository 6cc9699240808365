/** ClusterRoles that accounts are bound to (TOOLFORGE.md 5); `view` is Kubernetes' own. */
export const TOOLS_USER_ROLE = 'tools-user';
export const ADMIN_ROLE = 'k8s-admin';
export const VIEW_ROLE = 'view';
