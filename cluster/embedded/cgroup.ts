import { access, constants, mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
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

function cgroupOf(root: string, cluster: string, machine: number): MemoryCgroup {
  const directory = path.join(root, OURS, cluster, `control-plane-${machine}`);
  return { directory, procs: path.join(directory, 'cgroup.procs') };
}

/** @throws Failure `environment` where the host does not permit memory limits */
export async function requireMemoryLimits(): Promise<void> {
  const problem = await memoryLimitProblem();
  if (problem === undefined) return;
  throw new Failure({
    kind: 'environment',
    what: 'Control-plane memory cannot be limited',
    why: problem,
    hint: 'Run `up` without --control-plane-memory, or where memory cgroups can be written.',
  });
}

/**
 * Makes the cgroups of a cluster's control-plane machines and sets their limit, in bytes. Swap is limited too: a
 * machine that swaps does not run out.
 */
export async function limitMemory(cluster: string, machines: number, bytes: number): Promise<MemoryCgroup[]> {
  await requireMemoryLimits();
  const found = await hierarchy();
  if (found === undefined) throw new Error('there are memory limits, and no memory hierarchy');
  const groups = Array.from({ length: machines }, (_, index) => cgroupOf(found.root, cluster, index + 1));
  for (const group of groups) {
    await mkdir(group.directory, { recursive: true });
    if (found.version === 2) await enableMemory(found.root, group.directory);
    if (found.version === 2) {
      await writeFile(path.join(group.directory, 'memory.max'), String(bytes));
      await writeIfPresent(path.join(group.directory, 'memory.swap.max'), '0');
    } else {
      // Memory and swap together may never be less than memory alone: out of the way first, then down to it.
      const both = path.join(group.directory, 'memory.memsw.limit_in_bytes');
      await writeIfPresent(both, '-1');
      await writeFile(path.join(group.directory, 'memory.limit_in_bytes'), String(bytes));
      await writeIfPresent(both, String(bytes));
    }
  }
  return groups;
}

/** Kernels without swap accounting have no such file. */
async function writeIfPresent(file: string, value: string): Promise<void> {
  try {
    await writeFile(file, value);
  } catch (error) {
    if (!['ENOENT', 'EACCES', 'EPERM'].includes(systemCode(error) ?? '')) throw error;
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

/** Removes a cluster's cgroups; one that still holds a process stays. */
export async function removeCgroups(cluster: string): Promise<void> {
  const found = await hierarchy();
  if (found === undefined) return;
  const ours = path.join(found.root, OURS);
  const parent = path.join(ours, cluster);
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isDirectory()) await rmdir(path.join(parent, entry.name)).catch(ignoreMissing);
  }
  await rmdir(parent).catch(ignoreMissing);
  await rmdir(ours).catch(ignoreMissing); // stays while another cluster has cgroups
}

function ignoreMissing(error: unknown): void {
  if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(systemCode(error) ?? '')) throw error;
}
