import { readFile } from 'node:fs/promises';
import type { Context } from '../../lib/context.ts';
import { isAtLeast } from '../../lib/versions.ts';

/** What belongs together: one set of Debian packages, or one formula or package elsewhere. */
export const HOST_SETS = {
  haproxy: { packages: ['haproxy'], programs: ['haproxy'] },
  runit: { packages: ['runit'], programs: ['runsvdir', 'runsv', 'sv', 'svlogd', 'chpst'] },
  openldap: {
    packages: ['slapd', 'ldap-utils'],
    programs: [
      'slapd',
      'slapadd',
      'slapcat',
      'slapindex',
      'slappasswd',
      'slaptest',
      'ldapadd',
      'ldapmodify',
      'ldapsearch',
      'ldapwhoami',
    ],
  },
} as const;

export type HostSet = keyof typeof HOST_SETS;
/** The name of a host program: `haproxy`, `sv`, `slapd` … */
export type HostProgram = (typeof HOST_SETS)[HostSet]['programs'][number];

export const HOST_SET_NAMES = Object.keys(HOST_SETS) as HostSet[];

/** Every host program that we know. */
export const HOST_PROGRAMS: readonly HostProgram[] = HOST_SET_NAMES.flatMap((set) => programsOf(set));

export function programsOf(set: HostSet): readonly HostProgram[] {
  return HOST_SETS[set].programs;
}

export function setOf(program: HostProgram): HostSet {
  const found = HOST_SET_NAMES.find((set) => programsOf(set).includes(program));
  if (found === undefined) throw new Error(`no set of host programs has ${program}`);
  return found;
}

/** A program of the host, not built from a pinned module. */
export interface HostTool {
  /** Absolute path. */
  readonly program: string;
  /** What it needs to start: LD_LIBRARY_PATH for one that was unpacked, nothing for one that was installed. */
  readonly env: Readonly<Record<string, string>>;
  /** The tree that it belongs to: where it was unpacked, or `/`. */
  readonly root: string;
}

/** All programs of one set, by name. */
export type SetTools = ReadonlyMap<HostProgram, HostTool>;

/** A set that can be used. */
export interface InstalledSet {
  readonly tools: SetTools;
  readonly version: string;
}

/** The oldest versions that know all that our configurations say. */
const MINIMUM = { haproxy: '2.4', openldap: '2.5' } as const;

/**
 * Starts a program of the set and asks it for its version.
 * @returns why the set cannot be used, or its version
 */
export async function checkSet(
  set: HostSet,
  tools: SetTools,
  context: Context,
): Promise<{ readonly version: string } | { readonly problem: string }> {
  const run = async (name: HostProgram, args: readonly string[]): Promise<string> => {
    const tool = tools.get(name);
    if (tool === undefined) throw new Error(`${set} lacks ${name}`);
    const options = { env: tool.env, signal: context.signal, timeoutMs: 10_000 };
    const { stdout, stderr } = await context.runner.run(tool.program, args, options);
    return stdout + stderr;
  };
  switch (set) {
    case 'haproxy': {
      const said = await run('haproxy', ['-vv']);
      const version = /version (\d+\.\d+\.\d+)/.exec(said)?.[1] ?? 'unknown';
      if (!isAtLeast(version, MINIMUM.haproxy)) {
        return { problem: `haproxy ${version} is too old: ${MINIMUM.haproxy} or later is needed` };
      }
      if (/prometheus-exporter|\+PROMEX/.test(said)) return { version };
      return { problem: `haproxy ${version} was built without its Prometheus exporter` };
    }
    case 'openldap': {
      const version = /slapd (\d+\.\d+\.\d+)/.exec(await run('slapd', ['-VV']))?.[1] ?? 'unknown';
      if (isAtLeast(version, MINIMUM.openldap)) return { version };
      return { problem: `slapd ${version} is too old: ${MINIMUM.openldap} or later is needed` };
    }
    case 'runit': {
      await run('chpst', ['true']); // none of runit's programs tells its version; its interface has not changed since 2.1
      return { version: '2.1 or later' };
    }
  }
}

/** The fields of /etc/os-release, without their quotes; empty where there is no such file. */
export async function readOsRelease(): Promise<ReadonlyMap<string, string>> {
  return parseOsRelease(await readFile('/etc/os-release', 'utf8').catch(() => ''));
}

export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const fields = text
    .split('\n')
    .map((line) => /^([A-Z_]+)=(.*)$/.exec(line.trim()))
    .filter((match) => match !== null);
  return new Map(fields.map(([, name = '', value = '']) => [name, value.replace(/^(["'])(.*)\1$/, '$2')]));
}
