import type { V1Deployment } from '@kubernetes/client-node';
import { Failure } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { quantity } from '../../lib/kube/quantity.ts';
import { NODES, type KubeObject } from '../../lib/kube/types.ts';

interface Node extends KubeObject {
  readonly spec?: { readonly taints?: readonly { readonly key: string }[] };
  readonly status?: { readonly allocatable?: { readonly cpu?: string } };
}

/** Such a node takes no pods; one that is not ready yet will. */
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';
/** Processors that Kubernetes' own pods ask for on a node, with some room. */
const OWN = 1;

/**
 * Pods that ask for more than there is would stay Pending for ever.
 * @throws Failure `environment` when the nodes cannot hold what Kyverno's pods request
 */
export async function requireRoom(
  client: Pick<KubeClient, 'list'>,
  deployments: readonly V1Deployment[],
): Promise<void> {
  const asked = deployments.reduce((sum, deployment) => sum + requested(deployment), 0);
  if (asked === 0) return;
  const nodes = await client.list<Node>(NODES);
  const free = nodes
    .filter(({ spec }) => (spec?.taints ?? []).every(({ key }) => key !== CONTROL_PLANE))
    .map(({ status }) => quantity(status?.allocatable?.cpu) ?? 0)
    .reduce((sum, count) => sum + count - OWN, 0);
  if (asked <= free) return;
  throw new Failure({
    kind: 'environment',
    what: "The nodes have too few processors for production's requests",
    why: `Kyverno's pods ask for ${asked.toFixed(1)} in all, and ${Math.max(0, free).toFixed(1)} are left for them`,
    hint: 'Give the container engine more processors, or run `npm run up -- --no-kyverno-limits`.',
  });
}

function requested({ spec }: V1Deployment): number {
  const each = (spec?.template.spec?.containers ?? []).map(
    ({ resources }) => quantity(resources?.requests?.['cpu']) ?? 0,
  );
  return (spec?.replicas ?? 1) * each.reduce((sum, count) => sum + count, 0);
}
