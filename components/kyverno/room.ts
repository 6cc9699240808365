import type { V1Deployment } from '@kubernetes/client-node';
import { Failure } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { quantity } from '../../lib/kube/quantity.ts';
import { NODES, type KubeObject } from '../../lib/kube/types.ts';
import { formatBytes } from '../../lib/sizes.ts';

interface Node extends KubeObject {
  readonly spec?: { readonly taints?: readonly { readonly key: string }[] };
  readonly status?: { readonly allocatable?: Readonly<Record<string, string>> };
}

/** Such a node takes no pods; one that is not ready yet will. */
const CONTROL_PLANE = 'node-role.kubernetes.io/control-plane';

/** What pods ask for, what Kubernetes' own ask for on a node, with some room, and how people read an amount. */
const RESOURCES = [
  { name: 'cpu', title: 'processors', own: 1, text: (amount: number) => amount.toFixed(1) },
  { name: 'memory', title: 'memory', own: 512 * 2 ** 20, text: formatBytes },
] as const;

/**
 * Pods that ask for more than there is would stay Pending for ever.
 * @throws Failure `environment` when the nodes cannot hold what Kyverno's pods request
 */
export async function requireRoom(
  client: Pick<KubeClient, 'list'>,
  deployments: readonly V1Deployment[],
): Promise<void> {
  const wanted = RESOURCES.map((resource) => ({ ...resource, asked: asked(resource.name, deployments) }));
  if (wanted.every((resource) => resource.asked === 0)) return;
  const nodes = (await client.list<Node>(NODES)).filter(({ spec }) =>
    (spec?.taints ?? []).every(({ key }) => key !== CONTROL_PLANE),
  );
  for (const { name, title, own, text, asked } of wanted) {
    const free = nodes
      .map(({ status }) => quantity(status?.allocatable?.[name]) ?? 0)
      .reduce((sum, amount) => sum + amount - own, 0);
    if (asked <= free) continue;
    throw new Failure({
      kind: 'environment',
      what: `The nodes have too ${name === 'cpu' ? 'few processors' : 'little memory'} for production's requests`,
      why: `Kyverno's pods ask for ${text(asked)} in all, and ${text(Math.max(0, free))} are left for them`,
      hint: `Give the container engine more ${title}, or run \`npm run up -- --no-kyverno-limits\`.`,
    });
  }
}

function asked(resource: string, deployments: readonly V1Deployment[]): number {
  return deployments.reduce((sum, { spec }) => {
    const each = (spec?.template.spec?.containers ?? []).map(
      ({ resources }) => quantity(resources?.requests?.[resource]) ?? 0,
    );
    return sum + (spec?.replicas ?? 1) * each.reduce((left, right) => left + right, 0);
  }, 0);
}
