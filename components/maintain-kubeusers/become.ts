import { lstat, realpath, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../../cluster/provider.ts';
import type { Context } from '../../lib/context.ts';
import { Failure, systemCode } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists } from '../../lib/files.ts';
import { nameProblem } from './accounts/account.ts';
import { accountHomes } from './places.ts';
import { DISABLED_MARK, KUBECONFIG } from './resources/home.ts';

export interface BecomeOptions {
  readonly tool: string;
  /** A program and its arguments; none: a login shell. */
  readonly command: readonly string[];
}

/** The parts of the caller's environment that a terminal needs; nothing else gets in. */
const KEPT = ['TERM', 'COLORTERM', 'LANG', 'LC_ALL', 'TZ'];
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin';

/** What a session as a tool consists of, whichever way it is entered. */
interface Session {
  readonly tool: string;
  readonly uid: number;
  /** The home's path on this machine. */
  readonly home: string;
  readonly kubectl: string;
  readonly command: readonly string[];
}

/**
 * Runs a shell or a command as a tool: in its home, with its kubeconfig and the pinned kubectl. Root takes on the tool's
 * user id as well; anybody else owns all homes already.
 * @returns the exit code
 * @throws Failure when there is no such tool, or it is disabled
 */
export async function becomeTool(
  { tool, command }: BecomeOptions,
  cluster: Cluster,
  context: Context,
): Promise<number> {
  if (nameProblem(tool) !== undefined) throw noSuchTool(tool, 'that is no name of a tool');
  const home = path.join(accountHomes(cluster.directory).tools, tool);
  const uid = await ownerOf(home, tool);
  if ((await readFileIfExists(path.join(home, DISABLED_MARK))) !== undefined) {
    throw new Failure({
      kind: 'cluster',
      what: `The tool ${tool} is disabled`,
      hint: `\`seed-accounts --unlock ${tool}\` enables it again.`,
    });
  }
  const session: Session = {
    ...{ tool, uid, home },
    kubectl: await cluster.program('kubectl'),
    command: command.length > 0 ? command : ['/bin/bash', '-l'],
  };
  const [program, args] =
    process.geteuid?.() === 0 ? await asRoot(session, context) : await asOwner(session, cluster, context);
  return context.runner.attach(program, args, { cwd: '/' });
}

async function ownerOf(home: string, tool: string): Promise<number> {
  try {
    const facts = await lstat(home);
    if (!facts.isDirectory()) throw noSuchTool(tool, `${home} is not a directory`);
    return facts.uid;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw noSuchTool(tool, 'it has no home (yet)');
  }
}

function noSuchTool(tool: string, why: string): Failure {
  return new Failure({
    kind: 'usage',
    what: `There is no tool named ${JSON.stringify(tool)}`,
    why,
    hint: '`npm run status` shows whether accounts are still being made.',
  });
}

type CommandLine = readonly [program: string, args: readonly string[]];

/** Everything belongs to this user: nothing to switch, only the environment is the tool's. */
async function asOwner(session: Session, cluster: Cluster, context: Context): Promise<CommandLine> {
  const programs = path.join(cluster.directory, 'maintain-kubeusers', 'bin');
  await makePrivateDirectory(programs);
  const link = path.join(programs, 'kubectl');
  // The cache may have moved since: the link is made for the program of today.
  if ((await realPath(link)) !== (await realPath(session.kubectl))) {
    await rm(link, { force: true });
    await symlink(session.kubectl, link);
  }
  const environment = environmentOf(session, session.home, programs, context);
  return ['/usr/bin/env', ['-i', ...environment, ...inDirectory(session.home), ...session.command]];
}

async function realPath(file: string): Promise<string | undefined> {
  return realpath(file).catch(() => undefined);
}

/**
 * As root the tool's user id is taken on, which may neither enter the cluster's directory nor the cache: the home and
 * kubectl are shown to it elsewhere, in a mount namespace that ends with the session.
 */
async function asRoot(session: Session, context: Context): Promise<CommandLine> {
  const { uid, tool, home, kubectl, command } = session;
  if (uid < 1000) {
    throw new Failure({
      kind: 'environment',
      what: `The home of ${tool} belongs to user ${uid}, not to the tool`,
      hint: '`npm run maintain-kubeusers -- --verify` says what is wrong with it.',
    });
  }
  if (process.platform !== 'linux') {
    throw new Failure({
      kind: 'environment',
      what: 'Becoming a tool as root works on Linux only',
      hint: 'Run toolforge-local as an ordinary user.',
    });
  }
  await context.runner.run('unshare', ['--mount', '--', 'true'], {
    hint: 'Becoming a tool as root needs a mount namespace (CAP_SYS_ADMIN): run toolforge-local as an ordinary user here.',
  });
  const place = `${STAGE}/data/project/${tool}`;
  const environment = environmentOf(session, place, `${STAGE}/bin`, context);
  const switched = [
    ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--inh-caps=-all', '--'],
    ...['/usr/bin/env', '-i', ...environment, ...inDirectory(place), ...command],
  ];
  return ['unshare', ['--mount', '--', '/bin/sh', '-c', SHOW, 'become', home, place, kubectl, ...switched]];
}

/** A directory that every Linux has and few use; covered for this session only. */
const STAGE = '/mnt';
/** Arguments: the home, where to show it, kubectl, and the command to become. Nothing in them is read as shell. */
const SHOW = `set -e
mount -t tmpfs -o mode=0755 tmpfs ${STAGE}
mkdir -p "$2" ${STAGE}/bin
mount --bind "$1" "$2"
: > ${STAGE}/bin/kubectl
mount --bind "$3" ${STAGE}/bin/kubectl
shift 3
exec "$@"`;

/** `env --chdir` is GNU's only: a shell changes the directory everywhere. */
function inDirectory(directory: string): readonly string[] {
  return ['/bin/sh', '-c', 'cd -- "$1" && shift && exec "$@"', 'become', directory];
}

function environmentOf(
  { tool }: Session,
  home: string,
  programs: string,
  { env }: Context,
): readonly string[] {
  const kept = KEPT.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));
  return [
    `HOME=${home}`,
    `TOOL_DATA_DIR=${home}`,
    `KUBECONFIG=${path.join(home, KUBECONFIG)}`,
    `PATH=${programs}:${SYSTEM_PATH}`,
    'SHELL=/bin/bash',
    `USER=local.${tool}`,
    `LOGNAME=local.${tool}`,
    ...kept,
  ];
}
