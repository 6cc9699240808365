import { RBAC_GROUP as API, type KubeObject } from '../../lib/kube/types.ts';
import { ADMIN_ROLE, TOOLS_USER_ROLE, VIEW_ROLE } from './rbac-names.ts';
import { OWN_NAMESPACE, STATE_NAME } from './state.ts';

const SERVICE_ACCOUNT = 'maintain-kubeusers';
const SIGNER = 'kubernetes.io/kube-apiserver-client';

/** The user and groups of the service account that the loop runs as. */
export const IDENTITY = {
  user: `system:serviceaccount:${OWN_NAMESPACE}:${SERVICE_ACCOUNT}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${OWN_NAMESPACE}`],
} as const;

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

const rule = (
  apiGroups: readonly string[],
  resources: readonly string[],
  verbs: readonly string[],
  resourceNames?: readonly string[],
): Rule => ({
  apiGroups,
  resources,
  verbs,
  ...(resourceNames === undefined ? {} : { resourceNames }),
});

/** `get` is for what is told apart before it is touched, `list` for `--verify`. */
const KEEP = ['get', 'list', 'create', 'update', 'delete'];
/** Server-side apply is a PATCH. */
const APPLY = ['get', 'list', 'create', 'patch', 'delete'];
const ALL = ['*'];
const READ = ['get', 'list', 'watch'];

/** What the loop may do: what its resources need, and nothing on pods, Secrets or other ConfigMaps than its own. */
function loopRules(podSecurityPolicy: boolean): Rule[] {
  return [
    rule([''], ['namespaces'], [...APPLY, 'watch']),
    rule([''], ['resourcequotas', 'limitranges'], KEEP),
    rule([''], ['configmaps'], ['get', 'list', 'watch', 'update', 'patch', 'delete'], [STATE_NAME]),
    rule([''], ['configmaps'], ['create']), // RBAC cannot confine what does not have a name yet
    rule([API], ['rolebindings', 'clusterrolebindings'], KEEP),
    // To bind what one does not have oneself.
    rule([API], ['clusterroles'], ['bind'], [TOOLS_USER_ROLE, ADMIN_ROLE, VIEW_ROLE]),
    rule(['kyverno.io'], ['policies'], APPLY),
    rule(['certificates.k8s.io'], ['certificatesigningrequests'], [...READ, 'create', 'delete']),
    rule(['certificates.k8s.io'], ['certificatesigningrequests/approval'], ['update']),
    rule(['certificates.k8s.io'], ['signers'], ['approve'], [SIGNER]),
    ...(podSecurityPolicy
      ? [
          rule([API], ['roles'], KEEP),
          // `use`: nobody may grant what they do not have.
          rule(['policy'], ['podsecuritypolicies'], [...KEEP, 'use']),
        ]
      : []),
  ];
}

/** In its own namespace: the records of admins and disabled accounts, permits, and the lease. */
const OWN_RULES: readonly Rule[] = [
  rule([''], ['configmaps'], ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']),
  rule(['coordination.k8s.io'], ['leases'], ['get', 'create', 'update']),
];

/** What a tool may do in its namespace (TOOLFORGE.md 5). Nothing on kyverno.io, RBAC or the quota itself. */
const TOOLS_USER_RULES: readonly Rule[] = [
  rule([''], ['pods', 'pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy', 'pods/log'], ALL),
  rule([''], ['configmaps', 'endpoints', 'secrets', 'services', 'services/proxy'], ALL),
  rule([''], ['replicationcontrollers', 'replicationcontrollers/scale', 'persistentvolumeclaims'], ALL),
  rule([''], ['resourcequotas', 'limitranges', 'events', 'pods/status', 'namespaces'], READ),
  rule(
    ['apps'],
    ['deployments', 'deployments/rollback', 'deployments/scale', 'replicasets', 'replicasets/scale'],
    ALL,
  ),
  rule(['apps'], ['statefulsets', 'statefulsets/scale'], ALL),
  rule(['batch'], ['jobs', 'cronjobs'], ALL),
  rule(['networking.k8s.io'], ['ingresses', 'networkpolicies'], ALL),
  rule(['events.k8s.io'], ['events'], READ),
];

/** Admins act as whom they need to be, which leaves a trace in the audit log. */
const ADMIN_RULES: readonly Rule[] = [rule([''], ['users', 'groups', 'serviceaccounts'], ['impersonate'])];

/** Everything that an admin of the cluster has to apply before the loop can start, in this order. */
export function maintainKubeusersRbac({ podSecurityPolicy }: { podSecurityPolicy: boolean }): KubeObject[] {
  const clusterRole = (name: string, rules: readonly Rule[]): KubeObject => ({
    apiVersion: `${API}/v1`,
    kind: 'ClusterRole',
    metadata: { name },
    rules,
  });
  const bound = { apiGroup: API, name: SERVICE_ACCOUNT };
  const subjects = [{ kind: 'ServiceAccount', name: SERVICE_ACCOUNT, namespace: OWN_NAMESPACE }];
  const own = { name: SERVICE_ACCOUNT, namespace: OWN_NAMESPACE };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: OWN_NAMESPACE } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: own },
    clusterRole(TOOLS_USER_ROLE, TOOLS_USER_RULES),
    clusterRole(ADMIN_ROLE, ADMIN_RULES),
    clusterRole(SERVICE_ACCOUNT, loopRules(podSecurityPolicy)),
    {
      apiVersion: `${API}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name: SERVICE_ACCOUNT },
      roleRef: { ...bound, kind: 'ClusterRole' },
      subjects,
    },
    { apiVersion: `${API}/v1`, kind: 'Role', metadata: own, rules: OWN_RULES },
    {
      apiVersion: `${API}/v1`,
      kind: 'RoleBinding',
      metadata: own,
      roleRef: { ...bound, kind: 'Role' },
      subjects,
    },
  ];
}
