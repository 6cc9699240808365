import { POD_SECURITY_POLICIES, RBAC_GROUP, ROLE_BINDINGS, ROLES } from '../../../lib/kube/types.ts';
import { namespaceOf, type AccountId } from '../accounts/account.ts';
import { hasPodSecurityPolicies, type Settings } from '../settings.ts';
import { apiObject } from './api-object.ts';

/** The world before Kubernetes 1.25 (TOOLFORGE.md 6): a PSP for each tool, and who may use it in its namespace. */
const wanted = ({ type }: AccountId, settings: Settings): boolean =>
  type === 'tool' && hasPodSecurityPolicies(settings);
const pspName = ({ name }: AccountId): string => `tool-${name}-psp`;

const HOST_PATHS_READ_WRITE = ['/var/lib/sss/pipes', '/data/project', '/data/scratch'];
const HOST_PATHS_READ_ONLY = [
  '/public/dumps',
  '/mnt/nfs',
  '/etc/wmcs-project',
  '/etc/ldap.yaml',
  '/etc/novaobserver.yaml',
  '/etc/ldap.conf',
];

/** The PSP of 2023, value by value (TOOLFORGE.md 6). */
export const podSecurityPolicy = apiObject({
  id: 'pod-security-policy',
  version: 1,
  resource: POD_SECURITY_POLICIES,
  scope: 'cluster',
  wanted,
  objectName: pspName,
  render({ uid }) {
    const own = { rule: 'MustRunAs', ranges: [{ min: uid, max: uid }] };
    return {
      apiVersion: 'policy/v1beta1',
      kind: 'PodSecurityPolicy',
      metadata: {
        annotations: {
          'seccomp.security.alpha.kubernetes.io/allowedProfileNames': 'runtime/default',
          'seccomp.security.alpha.kubernetes.io/defaultProfileName': 'runtime/default',
        },
      },
      spec: {
        allowPrivilegeEscalation: false,
        fsGroup: own,
        runAsUser: own,
        runAsGroup: own,
        supplementalGroups: { rule: 'MustRunAs', ranges: [{ min: 1, max: 65535 }] },
        requiredDropCapabilities: ['ALL'],
        seLinux: { rule: 'RunAsAny' },
        volumes: [
          'configMap',
          'downwardAPI',
          'emptyDir',
          'projected',
          'secret',
          'hostPath',
          'persistentVolumeClaim',
        ],
        // False is what these default to; written out, since they are what the policy is about.
        hostIPC: false,
        hostNetwork: false,
        hostPID: false,
        privileged: false,
        readOnlyRootFilesystem: false,
        allowedHostPaths: [
          ...HOST_PATHS_READ_WRITE.map((pathPrefix) => ({ pathPrefix, readOnly: false })),
          ...HOST_PATHS_READ_ONLY.map((pathPrefix) => ({ pathPrefix, readOnly: true })),
        ],
      },
    };
  },
});

export const pspRole = apiObject({
  id: 'psp-role',
  version: 1,
  resource: ROLES,
  scope: 'namespace',
  wanted,
  objectName: pspName,
  render: (account) => ({
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'Role',
    rules: [
      {
        apiGroups: ['policy'],
        resources: ['podsecuritypolicies'],
        resourceNames: [pspName(account)],
        verbs: ['use'],
      },
    ],
  }),
});

/** The tool itself, and the service account that its pods have and its controllers' pods are checked with. */
export const pspRoleBinding = apiObject({
  id: 'psp-role-binding',
  version: 1,
  resource: ROLE_BINDINGS,
  scope: 'namespace',
  wanted,
  objectName: pspName,
  render: (account) => ({
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'RoleBinding',
    roleRef: { apiGroup: RBAC_GROUP, kind: 'Role', name: pspName(account) },
    subjects: [
      { apiGroup: RBAC_GROUP, kind: 'User', name: account.name },
      { kind: 'ServiceAccount', name: 'default', namespace: namespaceOf(account.name) },
    ],
  }),
});
