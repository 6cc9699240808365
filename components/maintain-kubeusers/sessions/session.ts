import path from 'node:path';
import { shellQuote } from '../../../cluster/supervisor/run-script.ts';
import type { Context } from '../../../lib/context.ts';
import { KUBECONFIG } from '../resources/home.ts';

/** What of this project a session has besides kubectl; whoever starts it passes it in. */
export interface Equipment {
  /** The root of this project's files. */
  readonly checkout: string;
  /** Names of scripts that are commands inside. */
  readonly commands: readonly string[];
  /** The settings of those commands; its directory is shown, so that a new file in its place is seen. */
  readonly generators: string;
}

/** What a session as a tool consists of, whichever way it is entered. */
export interface Session {
  readonly tool: string;
  /** Of the tool; undefined where it could not be found out. */
  readonly uid: number | undefined;
  /** The home's path on this machine. */
  readonly home: string;
  readonly kubectl: string;
  readonly equipment: Equipment;
  readonly command: readonly string[];
}

/** Where the parts of a session are, as it sees them itself. */
export interface Places {
  readonly home: string;
  /** The directory of kubectl and the commands. */
  readonly programs: string;
  readonly generators: string;
}

export type CommandLine = readonly [program: string, args: readonly string[]];

/** The parts of the caller's environment that a terminal needs; nothing else gets in. */
const KEPT = ['TERM', 'COLORTERM', 'LANG', 'LC_ALL', 'TZ'];
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin';

/** The session's command in its environment and its home. */
export function insideOf(
  { tool, uid, command }: Session,
  { home, programs, generators }: Places,
  { env }: Pick<Context, 'env'>,
): readonly string[] {
  const kept = KEPT.flatMap((name) => (env[name] === undefined ? [] : [`${name}=${env[name]}`]));
  const environment = [
    `HOME=${home}`,
    `TOOL_DATA_DIR=${home}`,
    `KUBECONFIG=${path.join(home, KUBECONFIG)}`,
    `PATH=${programs}:${SYSTEM_PATH}`,
    'SHELL=/bin/bash',
    `USER=local.${tool}`,
    `LOGNAME=local.${tool}`,
    `TOOLFORGE_LOCAL_GENERATORS=${generators}`,
    ...(uid === undefined ? [] : [`TOOLFORGE_LOCAL_TOOL_UID=${uid}`]),
    ...kept,
  ];
  return ['/usr/bin/env', '-i', ...environment, ...inDirectory(home), ...command];
}

/** `env --chdir` is GNU's only: a shell changes the directory everywhere. */
function inDirectory(directory: string): readonly string[] {
  return ['/bin/sh', '-c', 'cd -- "$1" && shift && exec "$@"', 'become', directory];
}

/** A program that runs one of the project's commands; it says so itself where the tool may not read them. */
export function wrapper(name: string, node: string, checkout: string): string {
  const script = path.join(checkout, 'scripts', `${name}.ts`);
  return `#!/bin/sh
node=${shellQuote(node)} script=${shellQuote(script)}
if ! [ -x "$node" ] || ! [ -r "$script" ]; then
  echo "${name} cannot be run: user $(id -u) may not read the files of toolforge-local, or Node." >&2
  echo 'Let others read them (chmod -R go+rX), and open the session again.' >&2
  exit 3
fi
exec "$node" "$script" "$@"
`;
}
