import type { Cluster } from '../../cluster/provider.ts';
import type { Measurement } from './measurement.ts';

/** Resident bytes of each process of the cluster, by name. */
export async function residentBytes(cluster: Cluster): Promise<ReadonlyMap<string, number>> {
  const machines = await cluster.memory();
  return new Map(machines.flatMap(({ processes }) => processes).map(({ name, rss }) => [name, rss]));
}

/** What each process uses full, against idle. */
export function memoryResults(
  idle: ReadonlyMap<string, number>,
  full: ReadonlyMap<string, number>,
  note: string,
): Measurement[] {
  const sum = (bytes: ReadonlyMap<string, number>): number =>
    [...bytes.values()].reduce((total, value) => total + value, 0);
  const rows = [...full].map(([name, bytes]): [string, number, number] => [name, idle.get(name) ?? 0, bytes]);
  return [...rows, ['everything', sum(idle), sum(full)] as const].map(([name, before, bytes]) => ({
    id: `memory.${name}`,
    what: `memory of ${name}`,
    value: bytes,
    unit: 'bytes',
    note,
    ...(before === 0 ? {} : { against: { what: 'idle', value: before, ratio: bytes / before } }),
  }));
}
