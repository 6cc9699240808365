import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { exists } from '../../lib/files.ts';
import { isProgram } from './cache.ts';
import {
  checkSet,
  programsOf,
  type HostProgram,
  type HostSet,
  type InstalledSet,
  type SetTools,
} from './host-programs.ts';

/** Homebrew's directory: on Apple silicon, on Intel. */
const BREW = ['/opt/homebrew', '/usr/local'];

/**
 * Where programs are looked for. Homebrew keeps openldap apart from PATH, since macOS has an old one of its own; and
 * many people's PATH lacks the directories for system programs.
 */
export function searchDirectories(set: HostSet, env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string[] {
  const keg = BREW.flatMap((brew) =>
    ['libexec', 'sbin', 'bin'].map((directory) => path.join(brew, 'opt/openldap', directory)),
  );
  return [
    ...(set === 'openldap' && platform === 'darwin' ? keg : []),
    ...(env['PATH'] ?? '').split(path.delimiter).filter((directory) => path.isAbsolute(directory)),
    ...['/usr/local/sbin', '/usr/sbin', '/sbin'],
  ];
}

/**
 * The programs of a set that somebody installed on this machine.
 * @throws Failure `environment` when some are missing or too old, with the command that installs them
 */
export async function installedSet(set: HostSet, context: Context): Promise<InstalledSet> {
  const directories = searchDirectories(set, context.env, process.platform);
  const found: SetTools = new Map(
    (
      await Promise.all(
        programsOf(set).map(async (name): Promise<[HostProgram, string | undefined]> => {
          return [name, await findProgram(name, directories)];
        }),
      )
    ).flatMap(([name, program]) =>
      program === undefined ? [] : [[name, { program, env: {}, root: '/' }] as const],
    ),
  );
  const missing = programsOf(set).filter((name) => !found.has(name));
  if (missing.length > 0) throw await installFailure(set, `not found: ${missing.join(', ')}`);
  const checked = await checkSet(set, found, context);
  if ('problem' in checked) throw await installFailure(set, checked.problem);
  return { tools: found, version: checked.version };
}

export async function findProgram(name: string, directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    const file = path.join(directory, name);
    if (await isProgram(file)) return file;
  }
  return undefined;
}

/** Package managers by the file that tells them, with the command for each set. */
const INSTALLERS: readonly { readonly file: string; readonly commands: Readonly<Record<HostSet, string>> }[] =
  [
    ...BREW.map((brew) => ({
      file: path.join(brew, 'bin/brew'),
      commands: {
        haproxy: 'brew install haproxy',
        runit: 'brew install runit',
        openldap: 'brew install openldap',
      },
    })),
    {
      file: '/usr/bin/dnf',
      commands: {
        haproxy: 'sudo dnf install haproxy',
        runit: 'build runit, which Fedora does not have, from https://smarden.org/runit/install',
        openldap: 'sudo dnf install openldap-servers openldap-clients',
      },
    },
    {
      file: '/usr/bin/pacman',
      commands: {
        haproxy: 'sudo pacman -S haproxy',
        runit: 'install runit from the Arch user repository',
        openldap: 'sudo pacman -S openldap',
      },
    },
    {
      file: '/sbin/apk',
      commands: {
        haproxy: 'sudo apk add haproxy',
        runit: 'sudo apk add runit',
        openldap: 'sudo apk add openldap openldap-clients openldap-back-mdb openldap-overlay-all',
      },
    },
  ];

async function installFailure(set: HostSet, why: string): Promise<Failure> {
  const present = await Promise.all(INSTALLERS.map(({ file }) => exists(file)));
  const command = INSTALLERS[present.indexOf(true)]?.commands[set];
  const wanted = { haproxy: 'HAProxy 2.4', runit: 'runit 2.1', openldap: 'OpenLDAP 2.5' }[set];
  return new Failure({
    kind: 'environment',
    what: `${wanted} or later is needed on this machine`,
    why,
    hint:
      command === undefined
        ? 'Install it and run the command again.'
        : `Run the command again after this: ${command}`,
  });
}
