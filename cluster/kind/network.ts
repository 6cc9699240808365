import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { runEngine, type Engine } from './engine.ts';
import { balancerContainer, networkName, nodesOf } from './layout.ts';
import { ownerLabel, OWNER } from './owner.ts';
import type { ClusterRecord } from '../record.ts';

const inspected = z
  .array(
    z.object({
      Labels: z.record(z.string(), z.string()).nullish(),
      IPAM: z.object({ Config: z.array(z.object({ Subnet: z.string() })).nullish() }),
    }),
  )
  .min(1);

/** Addresses below are the gateway's and whatever else the engine takes for itself. */
const FIRST_NODE = 10;
const BALANCER = 9;

/**
 * The cluster's own network, with a subnet that is known beforehand: only then does an engine give containers fixed
 * addresses, and etcd's members find each other again after a restart. The engine chooses the subnet itself, among those
 * that nothing else uses: the network is made, looked at, and made again with what it got.
 * @returns the address of each container
 */
export async function ensureNetwork(
  record: ClusterRecord,
  directory: string,
  engine: Engine,
  context: Context,
): Promise<ReadonlyMap<string, string>> {
  const name = networkName(record.spec.name);
  const run = (...args: string[]) => runEngine(engine, context, ['network', ...args]);
  const existing = await inspectNetwork(name, engine, context);
  if (existing !== undefined && existing.owner !== directory) throw foreignNetwork(name);
  let subnet = existing?.subnet;
  if (subnet === undefined) {
    await run('create', '--driver', 'bridge', ...ownerLabel(directory), name);
    subnet = (await inspectNetwork(name, engine, context))?.subnet;
    if (subnet === undefined) throw new Error(`the network ${name} has no subnet`);
    await run('rm', name);
    await run('create', '--driver', 'bridge', '--subnet', subnet, ...ownerLabel(directory), name);
  }
  return addressesIn(subnet, record);
}

/** Fixed places in the subnet: kind's balancer, then the nodes in their order. */
export function addressesIn(subnet: string, record: ClusterRecord): ReadonlyMap<string, string> {
  const [base = ''] = subnet.split('/');
  const parts = base.split('.').map(Number);
  const address = (offset: number): string => [...parts.slice(0, 3), (parts[3] ?? 0) + offset].join('.');
  return new Map([
    ...nodesOf(record).map(({ container, position }): [string, string] => [
      container,
      address(FIRST_NODE + position),
    ]),
    [balancerContainer(record.spec.name), address(BALANCER)],
  ]);
}

async function inspectNetwork(
  name: string,
  engine: Engine,
  context: Context,
): Promise<{ readonly subnet: string; readonly owner: string | undefined } | undefined> {
  const { stdout, exitCode } = await runEngine(engine, context, ['network', 'inspect', name], {
    okExitCodes: [1, 125],
  });
  if (exitCode !== 0) return undefined;
  const [network] = inspected.parse(JSON.parse(stdout));
  const subnet = network?.IPAM.Config?.map(({ Subnet }) => Subnet).find((text) => text.includes('.'));
  if (subnet === undefined) return undefined;
  return { subnet, owner: network?.Labels?.[OWNER] };
}

function foreignNetwork(name: string): Failure {
  return new Failure({
    kind: 'foreign',
    what: `The container engine has a network named ${name} that is not of this cluster`,
    hint: 'Nothing was changed. Choose another --name, or remove the network.',
  });
}
