import { access, constants, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Failure, systemCode } from '../../lib/errors.ts';
import { readFileIfExists } from '../../lib/files.ts';

/** A memory cgroup around the processes of one control-plane machine: what makes it run out as a VM would. */
export interface MemoryCgroup {
  readonly directory: string;
  /** Where a process writes its id to join. */
  readonly procs: string;
}

interface Hierarchy {
  readonly root: string;
  readonly version: 1 | 2;
}

const SYSTEM_ROOT = '/sys/fs/cgroup';
const OURS = 'toolforge-local';

/** The host's memory hierarchy, or undefined where there is none (macOS, a container without it). */
async function hierarchy(): Promise<Hierarchy | undefined> {
  const unified = await readFileIfExists(path.join(SYSTEM_ROOT, 'cgroup.controllers'));
  if (unified?.split(/\s+/).includes('memory') === true) return { root: SYSTEM_ROOT, version: 2 };
  const v1 = path.join(SYSTEM_ROOT, 'memory');
  const found = await readFileIfExists(path.join(v1, 'memory.limit_in_bytes')).catch(() => undefined);
  return found === undefined ? undefined : { root: v1, version: 1 };
}

/** Why memory limits cannot be set on this host, or undefined when they can. */
export async function memoryLimitProblem(): Promise<string | undefined> {
  const found = await hierarchy();
  if (found === undefined) return 'this host has no memory cgroups';
  try {
    await access(found.root, constants.W_OK);
    return undefined;
  } catch {
    return `${found.root} is not writable for this user; memory limits need root here`;
  }
}

export function cgroupOf(root: string, cluster: string, machine: number): MemoryCgroup {
  const directory = path.join(root, OURS, cluster, `control-plane-${machine}`);
  return { directory, procs: path.join(directory, 'cgroup.procs') };
}

/** The cgroups of a cluster's control-plane machines, whether they exist or not; empty where there are none. */
export async function cgroupsOf(cluster: string, machines: number): Promise<MemoryCgroup[]> {
  const found = await hierarchy();
  if (found === undefined) return [];
  return Array.from({ length: machines }, (_, index) => cgroupOf(found.root, cluster, index + 1));
}

/**
 * Makes the cgroups and sets their limit. Swap is limited too: a machine that swaps does not run out.
 * @throws Failure `environment` where the host does not permit it
 */
export async function limitMemory(cluster: string, machines: number, bytes: number): Promise<void> {
  const problem = await memoryLimitProblem();
  const found = await hierarchy();
  if (problem !== undefined || found === undefined) {
    throw new Failure({
      kind: 'environment',
      what: 'Control-plane memory cannot be limited',
      ...(problem === undefined ? {} : { why: problem }),
      hint: 'Run `up` without --control-plane-memory, or where memory cgroups can be written.',
    });
  }
  for (const group of await cgroupsOf(cluster, machines)) {
    await mkdir(group.directory, { recursive: true });
    if (found.version === 2) await enableMemory(found.root, group.directory);
    const file = found.version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
    await writeFile(path.join(group.directory, file), String(bytes));
    const swap = found.version === 2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes';
    await writeFile(path.join(group.directory, swap), found.version === 2 ? '0' : String(bytes)).catch(
      // Kernels without swap accounting have no such file.
      (error: unknown) => {
        if (!['ENOENT', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) throw error;
      },
    );
  }
}

/** Version 2 hands a controller down one level at a time. */
async function enableMemory(root: string, directory: string): Promise<void> {
  let parent = root;
  for (const part of path.relative(root, directory).split(path.sep)) {
    await writeFile(path.join(parent, 'cgroup.subtree_control'), '+memory');
    parent = path.join(parent, part);
  }
}

/** Removes a cluster's cgroups, which must be empty; a kill of a process empties them a moment later. */
export async function removeCgroups(cluster: string): Promise<void> {
  const found = await hierarchy();
  if (found === undefined) return;
  const ours = path.join(found.root, OURS);
  const parent = path.join(ours, cluster);
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) await rmdir(path.join(parent, entry.name));
  }
  await rmdir(parent).catch(ignoreMissing);
  await rmdir(ours).catch(ignoreMissing); // stays while another cluster has cgroups
}

/** How often the kernel killed a process of the machine because it was out of memory. */
export async function oomKills(group: MemoryCgroup): Promise<number> {
  for (const file of ['memory.events', 'memory.oom_control']) {
    const text = await readFile(path.join(group.directory, file), 'utf8').catch(() => '');
    const count = /^oom_kill (\d+)$/m.exec(text)?.[1];
    if (count !== undefined) return Number(count);
  }
  return 0;
}

function ignoreMissing(error: unknown): void {
  if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(systemCode(error) ?? '')) throw error;
}
