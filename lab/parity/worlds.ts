import path from 'node:path';
import type { Cluster } from '../../cluster/provider.ts';
import type { PolicyProfile } from '../../cluster/spec.ts';
import { withClient } from '../../cluster/with-client.ts';
import { isPolicyRefusal } from '../../components/kyverno/index.ts';
import { loadPolicyTemplate } from '../../components/kyverno/policies/render.ts';
import { accountHomes } from '../../components/maintain-kubeusers/index.ts';
import { PRIVILEGED_PSP } from '../../components/pod-security-policy/index.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { KubeClient } from '../../lib/kube/client.ts';
import { readCredentials } from '../../lib/kube/credentials.ts';
import { KubeError } from '../../lib/kube/errors.ts';
import { makeNamespace, removeNamespace } from '../../lib/kube/namespace.ts';
import {
  pathOf,
  PODS,
  POLICIES,
  RBAC_GROUP,
  ROLE_BINDINGS,
  ROLES,
  type KubeObject,
} from '../../lib/kube/types.ts';
import { waitFor } from '../../lib/wait.ts';
import type { Verdict } from './compare.ts';
import type { Pod } from './pod.ts';

/** A tool that every cluster of ours has. */
export const TOOL = {
  name: 'tf-test',
  namespace: 'tool-tf-test',
  uid: 50_001,
  home: '/data/project/tf-test',
} as const;

/** Namespaces of our own, not the tool's: its quota and limits would have their say, and Kyverno's policy be changed. */
const SPACES = { psp: 'parity-psp', kyverno: 'parity-kyverno' } as const;
const READY_MS = 60_000;

/** Tries a pod as the tool. */
export type World = (pod: Pod) => Promise<Verdict>;

/** The same tool in two worlds: confined by its real PodSecurityPolicy, and by a real Kyverno. */
export interface Worlds {
  readonly psp: World;
  readonly kyverno: World;
  close(): Promise<void>;
}

/**
 * Makes both worlds on a cluster with PodSecurityPolicy and opens them with the tool's own kubeconfig.
 * @param recorded in place of a PodSecurityPolicy, on a cluster that has none
 * @throws Failure `usage` for a cluster without PodSecurityPolicy
 */
export async function openWorlds(
  cluster: Cluster,
  policy: PolicyProfile,
  connections: number,
  context: Context,
  recorded?: World,
): Promise<Worlds> {
  if (recorded === undefined && !cluster.profile.podSecurityPolicy) {
    throw new Failure({
      kind: 'usage',
      what: `Cluster ${cluster.record.spec.name} has no PodSecurityPolicy to compare with`,
      why: `its profile is ${cluster.profile.name}`,
      hint: 'Make one with `npm run up -- --profile 2024 --name NAME`, and name it with --name; or use --recorded.',
    });
  }
  await withClient(cluster, (admin) => makeWorlds(cluster, policy, admin, context));
  const kubeconfig = path.join(accountHomes(cluster.directory).tools, TOOL.name, '.kube', 'config');
  const { clock, signal } = context;
  const client = new KubeClient({
    credentials: await readCredentials(kubeconfig),
    clock,
    signal,
    connections,
  });
  const worlds: Worlds = {
    psp: recorded ?? ((pod) => tryPod(client, SPACES.psp, pod)),
    kyverno: (pod) => tryPod(client, SPACES.kyverno, pod),
    close: () => client.close(),
  };
  try {
    const deciding = recorded === undefined ? [worlds.psp, worlds.kyverno] : [worlds.kyverno];
    await waitFor('both worlds to decide', () => decide(deciding), { clock, signal, timeoutMs: READY_MS });
  } catch (error) {
    await worlds.close();
    throw error;
  }
  return worlds;
}

/** Takes both namespaces away again; whatever was tried in them was never kept. */
export async function removeWorlds(cluster: Cluster): Promise<void> {
  await withClient(cluster, async (admin) => {
    for (const namespace of Object.values(SPACES)) await removeNamespace(admin, namespace);
  });
}

async function makeWorlds(
  { profile }: Cluster,
  policy: PolicyProfile,
  admin: KubeClient,
  context: Context,
): Promise<void> {
  const template = await loadPolicyTemplate(policy, profile.kyverno);
  for (const namespace of Object.values(SPACES)) {
    await makeNamespace(admin, namespace, context);
    await admin.apply(ROLE_BINDINGS, binding('tool', { kind: 'ClusterRole', name: 'tools-user' }), namespace);
    if (!profile.podSecurityPolicy) continue;
    // In Kyverno's world PodSecurityPolicy is satisfied with everything; in the other it is the tool's own.
    const psp = namespace === SPACES.psp ? `tool-${TOOL.name}-psp` : PRIVILEGED_PSP;
    await admin.apply(ROLES, useOf(psp), namespace);
    await admin.apply(ROLE_BINDINGS, binding('psp', { kind: 'Role', name: 'psp' }), namespace);
  }
  const variables = {
    namespace: SPACES.kyverno,
    uid: TOOL.uid,
    dataDirectory: TOOL.home,
    action: 'Enforce',
    background: false,
  } as const;
  await admin.apply(POLICIES, template(variables), SPACES.kyverno);
}

function useOf(psp: string): KubeObject {
  const rule = {
    apiGroups: ['policy'],
    resources: ['podsecuritypolicies'],
    resourceNames: [psp],
    verbs: ['use'],
  };
  return { apiVersion: `${RBAC_GROUP}/v1`, kind: 'Role', metadata: { name: 'psp' }, rules: [rule] };
}

function binding(name: string, role: { readonly kind: string; readonly name: string }): KubeObject {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'RoleBinding',
    metadata: { name },
    roleRef: { apiGroup: RBAC_GROUP, ...role },
    subjects: [{ apiGroup: RBAC_GROUP, kind: 'User', name: TOOL.name }],
  };
}

/** Creates the pod as the tool without keeping it: it goes through all of admission. */
async function tryPod(client: KubeClient, namespace: string, pod: Pod): Promise<Verdict> {
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    ...pod,
    metadata: { ...pod.metadata, name: 'parity', namespace },
  };
  try {
    const admitted = await client.request<Pod>('POST', pathOf(PODS, namespace), {
      body,
      query: { dryRun: 'All' },
    });
    return { admitted: true, pod: admitted };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    const message = error.why ?? '';
    const policy = message.includes('PodSecurityPolicy') || isPolicyRefusal(message);
    // 422: it is no valid pod. 400: the same, found when it was read; Kyverno's refusals are 400 too.
    if (policy) return { admitted: false, by: 'policy', message };
    if (error.status === 422 || error.status === 400) return { admitted: false, by: 'api', message };
    throw error;
  }
}

const PLAIN: Pod = { spec: { containers: [{ name: 'c0', image: 'x' }] } };
const FORBIDDEN: Pod = { spec: { ...PLAIN.spec, hostNetwork: true, securityContext: { runAsUser: 0 } } };

/** Roles and policies take effect a moment after they were written. */
async function decide(worlds: readonly World[]): Promise<true | undefined> {
  const said = await Promise.all(worlds.map((world) => Promise.all([world(PLAIN), world(FORBIDDEN)])));
  for (const [plain, forbidden] of said) {
    if (!plain.admitted) throw new Error(`a plain pod is refused: ${plain.message}`);
    if (forbidden.admitted) return undefined;
    if (forbidden.by !== 'policy') throw new Error(forbidden.message);
    if (plain.pod.spec.securityContext?.['fsGroup'] !== TOOL.uid) return undefined;
  }
  return true;
}
