import { arch, availableParallelism, release, totalmem } from 'node:os';
import type { Context } from '../../lib/context.ts';
import { exists } from '../../lib/files.ts';
import { isPortFree } from '../../lib/ports.ts';
import { formatBytes } from '../../lib/sizes.ts';
import { isAtLeast } from '../../lib/versions.ts';
import type { Check } from '../doctor.ts';
import { memoryLimitProblem } from '../embedded/cgroup.ts';
import { PRODUCTION } from '../production.ts';
import { listClusterNames, readRecord } from '../record.ts';
import { diskHint } from '../toolchain/failures.ts';
import { hasApt } from '../toolchain/debian.ts';
import { readOsRelease } from '../toolchain/host-programs.ts';
import { containerChecks, type Containers } from './containers.ts';
import type { Programs } from './programs.ts';
import { CLUSTER_MEMORY, freeSpace, STATE_SPACE } from './sizes.ts';

/** package.json's `engines`: the first Node that runs TypeScript without a flag. */
const NODE = '22.18';
/** HAProxy needs two for each connection, an API server one for each watch. */
const OPEN_FILES = 4096;

/** Looks at what `up` needs of the machine itself. */
export async function examineMachine(
  programs: Programs,
  containers: Containers,
  context: Context,
): Promise<Check[]> {
  return [
    await platform(),
    node(),
    memory(),
    await disk(programs, context),
    openFiles(),
    await cgroups(containers),
    ...(await containerChecks(containers)),
    await packages(),
    await portCheck(PRODUCTION.apiPort, '--api-port', context),
    await portCheck(PRODUCTION.statsPort, '--stats-port', context),
  ];
}

async function platform(): Promise<Check> {
  const name = (await readOsRelease()).get('PRETTY_NAME') ?? process.platform;
  const says = `${name}, ${arch()}, kernel ${release()}`;
  const known = process.platform === 'linux' || process.platform === 'darwin';
  return { id: 'platform', title: 'Platform', status: known ? 'ok' : 'missing', says };
}

function node(): Check {
  const version = process.versions.node;
  const about = { id: 'node', title: 'Node' };
  if (isAtLeast(version, NODE)) return { ...about, status: 'ok', says: version };
  const hint = 'Run `npm install`, and start commands with `npm run`: the pinned Node comes with it.';
  return { ...about, status: 'missing', says: `${version}, and ${NODE} or later is needed`, hint };
}

function memory(): Check {
  const available = process.availableMemory();
  const says = `${availableParallelism()} cores, ${formatBytes(totalmem())} of memory, ${formatBytes(available)} of it free`;
  const about = { id: 'memory', title: 'Cores, memory', says };
  if (available >= CLUSTER_MEMORY) return { ...about, status: 'ok' };
  return { ...about, status: 'note', hint: `A cluster takes about ${formatBytes(CLUSTER_MEMORY)}.` };
}

async function disk({ toBuild }: Programs, context: Context): Promise<Check> {
  const { cache, state } = context.paths;
  const [forCache, forState] = [await freeSpace(cache), await freeSpace(state)];
  const says = `${formatBytes(forCache)} free for the cache, ${formatBytes(forState)} for clusters`;
  const about = { id: 'disk', title: 'Disk', says };
  const forBuild = toBuild.bytes + toBuild.temporaryBytes;
  if (forCache < forBuild) {
    const needed = `What is to be built takes about ${formatBytes(forBuild)}.`;
    return { ...about, status: 'missing', hint: `${needed}\n${diskHint(cache)}` };
  }
  if (forState >= STATE_SPACE) return { ...about, status: 'ok' };
  return { ...about, status: 'note', hint: `A large cluster takes up to ${formatBytes(STATE_SPACE)}.` };
}

function openFiles(): Check {
  const report: unknown = process.report.getReport();
  const limit = openFileLimit(report);
  const about = { id: 'open-files', title: 'Open files' };
  if (limit === undefined) return { ...about, status: 'ok', says: 'no limit' };
  if (limit >= OPEN_FILES) return { ...about, status: 'ok', says: `up to ${limit} a process` };
  const hint = `Raise it to ${OPEN_FILES} or more: \`ulimit -n ${OPEN_FILES}\` in the shell that starts the cluster.`;
  return { ...about, status: 'note', says: `up to ${limit} a process`, hint };
}

/** The soft limit in Node's diagnostic report, or undefined where there is none. */
export function openFileLimit(report: unknown): number | undefined {
  const limits = report as { userLimits?: { open_files?: { soft?: number | string } } };
  const soft = limits.userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : undefined;
}

async function cgroups(containers: Containers): Promise<Check> {
  const version = (await exists('/sys/fs/cgroup/cgroup.controllers'))
    ? 'cgroup version 2'
    : 'cgroup version 1';
  return memoryLimits(containers, await memoryLimitProblem(), version);
}

/** @param problem of this user with cgroups, which only plain processes have: nodes get their limit from the engine */
export function memoryLimits(
  { choice, docker }: Containers,
  problem: string | undefined,
  version: string,
): Check {
  const about = { id: 'cgroups', title: 'Memory limits' };
  const hint = 'Everything works but --control-plane-memory.';
  if (!choice.possible) {
    if (problem === undefined) return { ...about, status: 'ok', says: `can be set (${version})` };
    return { ...about, status: 'note', says: `cannot be set: ${problem}`, hint };
  }
  if (docker?.MemoryLimit === false) {
    return { ...about, status: 'note', says: 'Docker cannot set them here', hint };
  }
  const processes = problem === undefined ? '' : `; not for plain processes: ${problem}`;
  return { ...about, status: 'ok', says: `Docker sets them${processes}` };
}

async function packages(): Promise<Check> {
  const says = (await hasApt())
    ? 'apt: HAProxy, runit and OpenLDAP are unpacked into the cache, nothing is installed'
    : 'no apt: HAProxy, runit and OpenLDAP have to be installed';
  return { id: 'packages', title: 'Packages', status: 'ok', says };
}

/** @param flag of `up`, for choosing another port */
export async function portCheck(number: number, flag: string, context: Context): Promise<Check> {
  const about = { id: `port.${number}`, title: `Port ${number}` };
  if (await isPortFree(number)) return { ...about, status: 'ok', says: 'free' };
  for (const name of await listClusterNames(context.paths)) {
    const spec = (await readRecord(context.paths, name))?.spec;
    if (spec?.apiPort === number || spec?.statsPort === number)
      return { ...about, status: 'ok', says: `cluster ${name} has it` };
  }
  const hint = `Choose another one: \`npm run up -- ${flag} PORT\`.`;
  return { ...about, status: 'missing', says: 'another program listens on it', hint };
}
