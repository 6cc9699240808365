import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import { Failure } from '../../../lib/errors.ts';
import { insideOf, wrapper, type CommandLine, type Session } from './session.ts';

/** A directory that every Linux has and few use; covered for this session only. */
const STAGE = '/mnt';
const PROGRAMS = `${STAGE}/bin`;
const SETTINGS = `${STAGE}/etc`;
const NODE = `${STAGE}/node`;
const CHECKOUT = `${STAGE}/toolforge-local`;
/** Beside the checkout, where Node looks last: its own may be a link to where the tool may not go. */
const PACKAGES = `${STAGE}/node_modules`;

/**
 * As root the tool's user id is taken on, which may neither enter the cluster's directory nor the cache nor the checkout:
 * all that it needs is shown to it elsewhere, in a mount namespace that ends with the session.
 */
export async function asRoot(session: Session, uid: number, context: Context): Promise<CommandLine> {
  const { tool, home, kubectl, equipment } = session;
  refuseSystemUser(tool, uid);
  await context.runner.run('unshare', ['--mount', '--', 'true'], {
    hint: 'Becoming a tool as root needs a mount namespace (CAP_SYS_ADMIN): run toolforge-local as an ordinary user here.',
  });
  const place = `${STAGE}/data/project/${tool}`;
  const { checkout, commands, generators } = equipment;
  const packages = await realpath(path.join(checkout, 'node_modules'));
  const shown = [
    ['directory', home, place],
    ['file', kubectl, `${PROGRAMS}/kubectl`],
    ['directory', path.dirname(generators), SETTINGS],
    ['read-only', checkout, CHECKOUT],
    ['read-only', packages, PACKAGES],
    ['file', process.execPath, NODE],
    ...commands.map((name) => ['text', wrapper(name, NODE, CHECKOUT), `${PROGRAMS}/${name}`]),
  ].flat();
  const settings = path.join(SETTINGS, path.basename(generators));
  const switched = [
    ...['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--inh-caps=-all', '--'],
    ...insideOf(session, { home: place, programs: PROGRAMS, generators: settings }, context),
  ];
  return ['unshare', ['--mount', '--', '/bin/sh', '-c', SHOW, 'become', ...shown, 'as', ...switched]];
}

function refuseSystemUser(tool: string, uid: number): void {
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
}

/**
 * Arguments: what is to be shown, each as a form, a source and a place; then `as`, and the command to become. Nothing in them
 * is read as shell.
 */
const SHOW = `set -e
umask 022
mount -t tmpfs -o mode=0755 tmpfs ${STAGE}
mkdir ${PROGRAMS}
while [ "$1" != as ]; do
  case "$1" in
    directory) mkdir -p "$3"; mount --bind "$2" "$3" ;;
    read-only) mkdir -p "$3"; mount --bind "$2" "$3"; mount -o remount,bind,ro "$3" ;;
    file) : > "$3"; mount --bind "$2" "$3" ;;
    text) printf %s "$2" > "$3"; chmod 0755 "$3" ;;
  esac
  shift 3
done
shift
exec "$@"`;
