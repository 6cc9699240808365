import { BlockList } from 'node:net';
import { PRODUCTION } from '../production.ts';

/** Addresses inside the cluster: of pods, and of Services, which are kind's default. */
const INSIDE = [PRODUCTION.podSubnet, '10.96.0.0/16'] as const;

/** For nodes, where the engine has none to give but those of pods or Services. */
export const SPARE_SUBNETS = Array.from({ length: 16 }, (_, index) => `10.${201 + index}.0.0/24`);

/** Whether nodes with such addresses would be in the way of the cluster's own. */
export function overlapsCluster(subnet: string): boolean {
  return INSIDE.some((inside) => contains(inside, subnet) || contains(subnet, inside));
}

/** Subnets are either apart, or one is in the other. */
function contains(outer: string, inner: string): boolean {
  const [network = '', prefix = ''] = outer.split('/');
  const [first = ''] = inner.split('/');
  const addresses = new BlockList();
  addresses.addSubnet(network, Number(prefix));
  return addresses.check(first);
}
