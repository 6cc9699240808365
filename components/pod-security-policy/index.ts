import type { Profile } from '../../cluster/profile.ts';
import type { UpState } from '../../cluster/provider.ts';
import { withClient } from '../../cluster/with-client.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import {
  CLUSTER_ROLES,
  POD_SECURITY_POLICIES,
  RBAC_GROUP,
  ROLE_BINDINGS,
  type KubeObject,
} from '../../lib/kube/types.ts';
import type { Plan } from '../../lib/steps.ts';

const NAMESPACE = 'kube-system';

/** A PodSecurityPolicy that allows everything and changes nothing, and the role to use it. */
export const PRIVILEGED_PSP = 'privileged-psp';

/**
 * Where PodSecurityPolicy admits pods, the platform's own pods need one too: without any, every pod is refused, an
 * admin's included.
 */
export function podSecurityPolicyPlan(profile: Profile): Plan<UpState> {
  if (!profile.podSecurityPolicy) return [];
  return [
    {
      id: 'pod-security-policy.platform',
      title: "The platform's PodSecurityPolicy",
      async run({ cluster }) {
        await withClient(cluster, async (client) => {
          await client.apply(POD_SECURITY_POLICIES, privilegedPsp());
          await client.apply(CLUSTER_ROLES, role());
          await client.apply(ROLE_BINDINGS, binding(), NAMESPACE);
        });
        return undefined;
      },
    },
  ];
}

/** Takes away again what the plan makes; fine where it is not there. */
export async function removePlatformPolicy(client: KubeClient): Promise<void> {
  await ifFound(client.delete(ROLE_BINDINGS, PRIVILEGED_PSP, NAMESPACE));
  await ifFound(client.delete(CLUSTER_ROLES, PRIVILEGED_PSP));
  await ifFound(client.delete(POD_SECURITY_POLICIES, PRIVILEGED_PSP));
}

function privilegedPsp(): KubeObject {
  const any = { rule: 'RunAsAny' };
  return {
    apiVersion: 'policy/v1beta1',
    kind: 'PodSecurityPolicy',
    metadata: {
      name: PRIVILEGED_PSP,
      annotations: { 'seccomp.security.alpha.kubernetes.io/allowedProfileNames': '*' },
    },
    spec: {
      privileged: true,
      allowPrivilegeEscalation: true,
      allowedCapabilities: ['*'],
      allowedUnsafeSysctls: ['*'],
      // Nothing but `Default` is allowed where nothing is said.
      allowedProcMountTypes: ['Default', 'Unmasked'],
      volumes: ['*'],
      hostNetwork: true,
      hostPID: true,
      hostIPC: true,
      hostPorts: [{ min: 0, max: 65535 }],
      runAsUser: any,
      seLinux: any,
      supplementalGroups: any,
      fsGroup: any,
    },
  };
}

function role(): KubeObject {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'ClusterRole',
    metadata: { name: PRIVILEGED_PSP },
    rules: [
      {
        apiGroups: ['policy'],
        resources: ['podsecuritypolicies'],
        resourceNames: [PRIVILEGED_PSP],
        verbs: ['use'],
      },
    ],
  };
}

/**
 * The service accounts of kube-system, for pods in kube-system. Never for all namespaces: its controllers make the pods of
 * tools' Deployments and Jobs, which would then be under this policy and not their tool's. Admins may use every policy.
 */
function binding(): KubeObject {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'RoleBinding',
    metadata: { name: PRIVILEGED_PSP },
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: PRIVILEGED_PSP },
    subjects: [{ apiGroup: RBAC_GROUP, kind: 'Group', name: `system:serviceaccounts:${NAMESPACE}` }],
  };
}
