import { availableParallelism, release, totalmem } from 'node:os';
import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { exists, readFileIfExists } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { formatBytes } from '../../lib/sizes.ts';
import type { Check } from '../doctor.ts';
import { ANSWER_MS, runEngine, type Engine } from '../kind/engine.ts';
import { kindChoice, type KindChoice } from '../kind/possible.ts';
import type { Profile } from '../profile.ts';
import { CLUSTER_MEMORY, freeSpace, STATE_SPACE } from './sizes.ts';

/** The node image takes 2 GB; what its nodes write is in the engine too. */
const NODE_SPACE = 2 * 1024 ** 3 + STATE_SPACE;
/** What kind's documentation asks for ("Pod errors due to too many open files"). */
const INOTIFY = { max_user_instances: 512, max_user_watches: 524_288 } as const;

/** What `docker info` says; Podman's answer is another one, and it is used only when somebody asks for it. */
const dockerInfo = z.object({
  MemTotal: z.number(),
  NCPU: z.number(),
  KernelVersion: z.string(),
  DockerRootDir: z.string(),
  CgroupVersion: z.string(),
  MemoryLimit: z.boolean(),
  SecurityOptions: z.array(z.string()).nullish(),
});
export type DockerInfo = z.infer<typeof dockerInfo>;

/** What there is to make nodes of kind with. */
export interface Containers {
  readonly choice: KindChoice;
  /** Undefined where it is not Docker that answers, or it does not say. */
  readonly docker: DockerInfo | undefined;
}

export async function examineContainers(profile: Profile, context: Context): Promise<Containers> {
  const choice = await kindChoice(profile, context);
  return {
    choice,
    docker: choice.engine?.name === 'docker' ? await askDocker(choice.engine, context) : undefined,
  };
}

async function askDocker(engine: Engine, context: Context): Promise<DockerInfo | undefined> {
  try {
    const args = ['info', '--format', '{{json .}}'];
    const { stdout } = await runEngine(engine, context, args, { timeoutMs: ANSWER_MS });
    return dockerInfo.safeParse(parseJson(stdout)).data;
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
    return undefined;
  }
}

export async function containerChecks({ choice, docker }: Containers): Promise<Check[]> {
  return [
    containers(choice),
    ...(docker === undefined ? [] : [await engineCheck(docker)]),
    ...(choice.engine === undefined ? [] : await inotify()),
  ];
}

/** Which engine answers, and whether `up` uses it. */
export function containers({ possible, engine, why, hint }: KindChoice): Check {
  const about = { id: 'containers', title: 'Containers' };
  const name = engine === undefined ? '' : `${engine.name} ${engine.version}`;
  if (possible) return { ...about, status: 'ok', says: `${name}: clusters are nodes in containers` };
  if (why === undefined) {
    return {
      ...about,
      status: 'ok',
      says: 'no Docker, no Podman that answers: clusters are plain processes',
    };
  }
  const says = `${name === '' ? '' : `${name}, but `}clusters are plain processes: ${why}`;
  return hint === undefined ? { ...about, status: 'ok', says } : { ...about, status: 'note', says, hint };
}

/** What Docker has for nodes: on Docker Desktop, what its virtual machine has. */
export async function engineCheck(docker: DockerInfo): Promise<Check> {
  const { MemTotal, NCPU, DockerRootDir, CgroupVersion } = docker;
  const here = docker.KernelVersion === release() && (await exists(DockerRootDir));
  const space = here ? await freeSpace(DockerRootDir) : undefined;
  const smaller = MemTotal < totalmem() || NCPU < availableParallelism();
  const rootless = (docker.SecurityOptions ?? []).includes('name=rootless');
  const says = [
    smaller ? `only ${NCPU} cores, ${formatBytes(MemTotal)} of memory` : [],
    space === undefined ? [] : `${formatBytes(space)} free for images and nodes`,
    `cgroup version ${CgroupVersion}`,
    rootless ? 'without root' : [],
  ].flat();
  const hints = [
    MemTotal < CLUSTER_MEMORY
      ? `A cluster takes about ${formatBytes(CLUSTER_MEMORY)}: give Docker more (Docker Desktop: Settings, Resources).`
      : [],
    space !== undefined && space < NODE_SPACE
      ? `Node image and nodes take about ${formatBytes(NODE_SPACE)}: \`docker system df\` shows what Docker holds.`
      : [],
    rootless
      ? `Nodes without root are not tested; ${CgroupVersion === '2' ? 'what they need' : 'they need cgroup version 2'}: https://kind.sigs.k8s.io/docs/user/rootless/`
      : [],
  ].flat();
  const about = { id: 'engine', title: 'Docker', says: says.join(', ') };
  return hints.length === 0
    ? { ...about, status: 'ok' }
    : { ...about, status: 'note', hint: hints.join('\n') };
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
