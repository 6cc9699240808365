import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { Progress } from '../../lib/steps.ts';
import { exists } from '../../lib/files.ts';
import { debianEntry, hasApt, unpackedSet, unpackSets } from './debian.ts';
import { setOf, type HostProgram, type HostSet, type HostTool, type SetTools } from './host-programs.ts';
import { installedSet } from './path-tools.ts';

export { HOST_PROGRAMS, type HostProgram, type HostTool } from './host-programs.ts';

export interface HostTools {
  /** @throws Error for a program that was not asked for */
  get(name: HostProgram): HostTool;
}

/**
 * HAProxy, runit and OpenLDAP for this host. Where there is apt: unpacked from Debian's packages into the cache,
 * without root. Elsewhere, or where apt cannot: what is installed, when it is new enough.
 * @throws Failure `environment` that names the command which installs what is missing
 */
export async function resolveHostTools(
  names: readonly HostProgram[],
  context: Context,
  progress: Progress,
): Promise<HostTools> {
  const sets = [...new Set(names.map(setOf))];
  const resolved = (await hasApt())
    ? await fromDebian(sets, context, progress)
    : await fromPath(sets, context);
  return {
    get(name) {
      const tool = resolved.get(setOf(name))?.get(name);
      if (tool === undefined) throw new Error(`${name} was not resolved`);
      return tool;
    },
  };
}

/** Where slapd finds what its configuration names. */
export interface SlapdFiles {
  /** The directory of its loadable modules; absent: they are compiled in. */
  readonly modules: string | undefined;
  readonly schemas: string;
}

export async function slapdFiles(slapd: HostTool): Promise<SlapdFiles> {
  const keg = slapd.program.indexOf('/opt/openldap/'); // Homebrew: its schemas are below its own etc
  const root = keg > 0 ? slapd.program.slice(0, keg) : slapd.root;
  const first = async (places: readonly string[]): Promise<string | undefined> => {
    const candidates = places.map((place) => path.join(root, place));
    const present = await Promise.all(candidates.map(exists));
    return candidates[present.indexOf(true)];
  };
  const schemas = await first(['etc/ldap/schema', 'etc/openldap/schema']);
  if (schemas === undefined) {
    throw new Failure({
      kind: 'environment',
      what: `OpenLDAP's schema files were not found`,
      why: `neither etc/ldap/schema nor etc/openldap/schema is in ${root}`,
      hint: 'Install OpenLDAP again, and run the command again.',
    });
  }
  return { schemas, modules: await first(['usr/lib/ldap', 'usr/lib64/openldap', 'usr/lib/openldap']) };
}

type Resolved = ReadonlyMap<HostSet, SetTools>;

async function fromDebian(sets: readonly HostSet[], context: Context, progress: Progress): Promise<Resolved> {
  const cached = await unpacked(sets, context);
  const missing = sets.filter((set) => !cached.has(set));
  if (missing.length === 0) return cached;
  try {
    await unpackSets(missing, context, progress);
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
    // No network, say, on a machine where somebody installed them. If not, apt's failure is the one to mend.
    const installed = await fromPath(missing, context).catch(() => undefined);
    if (installed === undefined) throw error;
    return new Map([...cached, ...installed]);
  }
  return unpacked(sets, context);
}

async function unpacked(sets: readonly HostSet[], context: Context): Promise<Resolved> {
  const found = new Map<HostSet, SetTools>();
  for (const set of sets) {
    const kept = await unpackedSet(await debianEntry(set, context.paths.cache));
    if (kept !== undefined) found.set(set, kept.tools);
  }
  return found;
}

async function fromPath(sets: readonly HostSet[], context: Context): Promise<Resolved> {
  return new Map(
    await Promise.all(sets.map(async (set) => [set, (await installedSet(set, context)).tools] as const)),
  );
}
