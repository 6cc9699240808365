import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { MachineMemory, ProcessMemory } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';
import { runEngine, type Engine } from './engine.ts';
import { nodesOf, type KindNode } from './layout.ts';

/** What a node runs of Kubernetes itself; the pods of others are `status`'s matter. */
const PROGRAMS = [
  'kube-apiserver',
  'etcd',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'containerd',
];

/**
 * Reads what the processes of each node use, as the node's own `ps` sees them.
 * @param engine undefined: none answers, and so no node runs
 */
export function nodeMemory(
  record: ClusterRecord,
  engine: Engine | undefined,
  context: Context,
): Promise<readonly MachineMemory[]> {
  const limit = record.spec.controlPlaneMemory;
  return Promise.all(
    nodesOf(record).map(async (node) => ({
      machine: node.machine,
      processes: await processesOf(node, engine, context),
      ...(limit !== undefined && node.role === 'control-plane' ? { limit } : {}),
    })),
  );
}

async function processesOf(
  node: KindNode,
  engine: Engine | undefined,
  context: Context,
): Promise<ProcessMemory[]> {
  const wanted =
    node.role === 'control-plane'
      ? PROGRAMS
      : PROGRAMS.filter((name) => ['kubelet', 'containerd'].includes(name));
  const nameOf = (program: string): string => `${program}-${node.machine.replace('control-plane-', '')}`;
  const down = wanted.map((program) => ({ name: nameOf(program), rss: 0 }));
  if (engine === undefined) return down;
  const args = ['exec', node.container, 'ps', '-eo', 'pid=,rss=,etimes=,args='];
  try {
    const { stdout } = await runEngine(engine, context, args, { timeoutMs: 10_000 });
    const found = parseProcesses(stdout);
    return wanted.map((program) => {
      const process = found.get(program);
      if (process === undefined) return { name: nameOf(program), rss: 0 };
      return { name: nameOf(program), ...process };
    });
  } catch (error) {
    // A node that is stopped or gone: its processes are down.
    if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
    return down;
  }
}

/** Lines of `ps -eo pid=,rss=,etimes=,args=`, by the name of the program. */
export function parseProcesses(
  text: string,
): ReadonlyMap<string, { readonly pid: number; readonly rss: number; readonly uptime: number }> {
  const found = new Map<string, { pid: number; rss: number; uptime: number }>();
  for (const line of text.split('\n')) {
    const [, pid, rss, uptime, program] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)/.exec(line) ?? [];
    const name = program?.split('/').at(-1);
    if (name === undefined || !PROGRAMS.includes(name) || found.has(name)) continue;
    found.set(name, { pid: Number(pid), rss: Number(rss) * 1024, uptime: Number(uptime) });
  }
  return found;
}
