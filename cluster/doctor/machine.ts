import { arch, availableParallelism, release, totalmem } from 'node:os';
import type { Context } from '../../lib/context.ts';
import { exists, readFileIfExists } from '../../lib/files.ts';
import { isPortFree } from '../../lib/ports.ts';
import { formatBytes } from '../../lib/sizes.ts';
import { isAtLeast } from '../../lib/versions.ts';
import type { Check } from '../doctor.ts';
import { memoryLimitProblem } from '../embedded/cgroup.ts';
import { answeringEngines, type Engine } from '../kind/engine.ts';
import { PRODUCTION } from '../production.ts';
import { listClusterNames, readRecord } from '../record.ts';
import { diskHint } from '../toolchain/failures.ts';
import { hasApt } from '../toolchain/debian.ts';
import { readOsRelease } from '../toolchain/host-programs.ts';
import type { Programs } from './programs.ts';
import { freeSpace } from './sizes.ts';

/** package.json's `engines`: the first Node that runs TypeScript without a flag. */
const NODE = '22.18';
/** What a cluster with the default profile, its HAProxy, LDAP and Kyverno hold after `up` (measured: 1.4 GiB). */
const CLUSTER_MEMORY = 2 * 1024 ** 3;
/** etcd's data, logs and images of a cluster with thousands of policies. */
const STATE_SPACE = 2 * 1024 ** 3;
/** HAProxy needs two for each connection, an API server one for each watch. */
const OPEN_FILES = 4096;
/** What kind's documentation asks for ("Pod errors due to too many open files"). */
const INOTIFY = { max_user_instances: 512, max_user_watches: 524_288 } as const;

/** Looks at what `up` needs of the machine itself. */
export async function examineMachine(programs: Programs, context: Context): Promise<Check[]> {
  const engines = await answeringEngines(context);
  return [
    await platform(),
    node(),
    memory(),
    await disk(programs, context),
    openFiles(),
    await cgroups(),
    containers(engines),
    ...(engines.length === 0 ? [] : await inotify()),
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

async function cgroups(): Promise<Check> {
  const about = { id: 'cgroups', title: 'Memory limits' };
  const version = (await exists('/sys/fs/cgroup/cgroup.controllers'))
    ? 'cgroup version 2'
    : 'cgroup version 1';
  const problem = await memoryLimitProblem();
  if (problem === undefined) return { ...about, status: 'ok', says: `can be set (${version})` };
  const hint = 'Everything works but --control-plane-memory.';
  return { ...about, status: 'note', says: `cannot be set: ${problem}`, hint };
}

function containers(engines: readonly Engine[]): Check {
  const about = { id: 'containers', title: 'Containers', status: 'ok' } as const;
  if (engines.length === 0) {
    return { ...about, says: 'no Docker or Podman that answers: clusters are plain processes' };
  }
  const docker = engines.some(({ name }) => name === 'docker');
  const use = docker ? 'clusters are nodes in containers' : 'used with --provider kind only';
  return { ...about, says: `${engines.map(({ name, version }) => `${name} ${version}`).join(', ')}: ${use}` };
}

/** Only for kind: each of its nodes watches many files. */
async function inotify(): Promise<Check[]> {
  const read = async (name: string): Promise<number> =>
    Number((await readFileIfExists(`/proc/sys/fs/inotify/${name}`)) ?? Infinity);
  const [instances, watches] = [await read('max_user_instances'), await read('max_user_watches')];
  if (instances === Infinity) return [];
  const about = {
    id: 'inotify',
    title: 'inotify',
    says: `${instances} instances, ${watches} watches a user`,
  };
  const enough = instances >= INOTIFY.max_user_instances && watches >= INOTIFY.max_user_watches;
  if (enough) return [{ ...about, status: 'ok' }];
  const settings = Object.entries(INOTIFY).map(([name, value]) => `fs.inotify.${name}=${value}`);
  const hint = `Enough for plain processes; kind with several nodes wants \`sudo sysctl ${settings.join(' ')}\`.`;
  return [{ ...about, status: 'note', hint }];
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
