import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { ClusterRecord } from '../record.ts';
import { runEngine, type Engine } from './engine.ts';
import { inspectNetwork } from './inspect-network.ts';
import { balancerContainer, networkName, nodesOf } from './layout.ts';
import { ownerLabel, OWNER } from './owner.ts';
import { overlapsCluster, SPARE_SUBNETS } from './subnets.ts';

/** Only on a network that was made with a subnet, which is its value. */
const SUBNET = 'toolforge-local.subnet';

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
  const existing = await inspectNetwork(name, engine, context);
  if (existing !== undefined) {
    const { labels, subnet } = existing;
    if (labels[OWNER] !== directory) throw foreignNetwork(name);
    const whole = labels[SUBNET] !== undefined || (await isUsed(name, engine, context));
    if (subnet !== undefined && whole) return addressesIn(subnet, record);
    // An `up` was killed before it made the network again, with the subnet.
    await runEngine(engine, context, ['network', 'rm', name]);
  }
  return addressesIn(await makeNetwork(name, directory, engine, context), record);
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

/** @returns its subnet */
async function makeNetwork(
  name: string,
  directory: string,
  engine: Engine,
  context: Context,
): Promise<string> {
  const network = (command: string, ...args: string[]) =>
    runEngine(engine, context, ['network', command, ...args, name]);
  const create = (...args: string[]) =>
    network('create', '--driver', 'bridge', ...args, ...ownerLabel(directory));
  await create();
  const chosen = (await inspectNetwork(name, engine, context))?.subnet;
  if (chosen === undefined) throw new Error(`the network ${name} has no subnet`);
  await network('rm');
  const candidates = overlapsCluster(chosen) ? SPARE_SUBNETS : [chosen];
  let refusal: Failure | undefined;
  for (const subnet of candidates) {
    try {
      await create('--subnet', subnet, '--label', `${SUBNET}=${subnet}`);
      return subnet;
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
      refusal = error;
    }
  }
  throw new Failure({
    kind: 'environment',
    what: `The container engine has no subnet for the network ${name}`,
    why: `it offers ${chosen}, tried: ${candidates.join(', ')}; the last answer: ${refusal?.why ?? ''}`,
    hint: `Remove networks that nothing uses any more (\`${engine.name} network ls\`), and run the command again.`,
    cause: refusal,
  });
}

/** By containers, running or not. */
async function isUsed(name: string, engine: Engine, context: Context): Promise<boolean> {
  const { stdout } = await runEngine(engine, context, [
    ...['ps', '--all', '--quiet', '--filter', `network=${name}`],
  ]);
  return stdout.trim() !== '';
}

function foreignNetwork(name: string): Failure {
  return new Failure({
    kind: 'foreign',
    what: `The container engine has a network named ${name} that is not of this cluster`,
    hint: 'Nothing was changed. Choose another --name, or remove the network.',
  });
}
