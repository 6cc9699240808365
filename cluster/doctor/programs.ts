import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { messageOf } from '../../lib/errors.ts';
import { isAtLeast } from '../../lib/versions.ts';
import type { Check } from '../doctor.ts';
import { binariesOf } from '../embedded/programs.ts';
import { imagePrograms } from '../kind/image/components.ts';
import { KIND_MODULE } from '../kind/image/root.ts';
import type { Profile } from '../profile.ts';
import { binaryPath, cacheEntry, isProgram } from '../toolchain/cache.ts';
import {
  loadCatalogue,
  MODULES_DIRECTORY,
  type Catalogue,
  type PinnedModule,
} from '../toolchain/catalogue.ts';
import { buildCost, totalCost, type BuildCost } from '../toolchain/costs.ts';
import { debianEntry, hasApt, unpackedSet } from '../toolchain/debian.ts';
import { goHint, installedGo, requiredGo } from '../toolchain/go.ts';
import { HOST_SET_NAMES, type HostSet } from '../toolchain/host-programs.ts';
import { installedSet } from '../toolchain/path-tools.ts';
import type { BinaryRef } from '../toolchain/resolve.ts';

/** One pinned module, as far as the cache has it. */
export interface ModuleState {
  readonly id: string;
  readonly title: string;
  readonly cached: readonly string[];
  /** Programs that `up` needs and that are not cached. */
  readonly toBuild: readonly string[];
  /** Bytes of the cached programs. */
  readonly size: number;
  /** Seconds since the newest of them was built; absent: none is. */
  readonly age?: number;
  /** Of building what is missing; absent: nothing is. */
  readonly cost?: BuildCost;
}

/** One set of host programs. */
export interface SetState {
  readonly set: HostSet;
  readonly source: 'unpacked' | 'to download' | 'installed' | 'missing';
  readonly version?: string;
}

export interface Programs {
  readonly modules: readonly ModuleState[];
  readonly sets: readonly SetState[];
  readonly toBuild: BuildCost;
  readonly checks: readonly Check[];
}

/**
 * What of all programs is here, and what the next `up` of this profile builds or downloads.
 * @param kind whether it makes nodes in containers
 */
export async function examinePrograms(profile: Profile, kind: boolean, context: Context): Promise<Programs> {
  const catalogue = await loadCatalogue(MODULES_DIRECTORY);
  const nodes = kind ? [{ module: KIND_MODULE, binary: 'kind' }, ...imagePrograms(profile)] : [];
  const needed = [...binariesOf(profile), ...nodes, ...rendererOf(catalogue)];
  const modules = await Promise.all(
    [...catalogue.values()].map((module) => moduleState(module, needed, context)),
  );
  const building = modules.filter(({ toBuild }) => toBuild.length > 0);
  const sets = await Promise.all(HOST_SET_NAMES.map((set) => setState(set, context)));
  return {
    modules,
    sets: sets.map(({ state }) => state),
    toBuild: totalCost(building.flatMap(({ cost }) => (cost === undefined ? [] : [cost]))),
    checks: [
      await goCheck(
        building.map(({ id }) => catalogue.get(id)).filter((module) => module !== undefined),
        context,
      ),
      ...sets.flatMap(({ check }) => (check === undefined ? [] : [check])),
    ],
  };
}

/** The module of the chart renderer: every profile needs it, whatever versions it has. */
function rendererOf(catalogue: Catalogue): BinaryRef[] {
  const binary = 'render-chart';
  return [...catalogue.values()]
    .filter((module) => binary in module.binaries)
    .map(({ id }) => ({ module: id, binary }));
}

async function moduleState(
  module: PinnedModule,
  needed: readonly BinaryRef[],
  context: Context,
): Promise<ModuleState> {
  const entry = await cacheEntry(module, context.paths.cache);
  const names = Object.keys(module.binaries);
  const present = await Promise.all(names.map((name) => isProgram(binaryPath(entry, name))));
  const cached = names.filter((_, index) => present[index] === true);
  const stats = await Promise.all(cached.map((name) => stat(binaryPath(entry, name))));
  const wanted = new Set(needed.filter((ref) => ref.module === module.id).map((ref) => ref.binary));
  const toBuild = [...wanted].filter((binary) => !cached.includes(binary));
  const newest = Math.max(...stats.map(({ mtimeMs }) => mtimeMs));
  return {
    id: module.id,
    title: module.title,
    cached,
    toBuild,
    size: stats.reduce((sum, { size }) => sum + size, 0),
    ...(stats.length === 0 ? {} : { age: Math.max(0, (context.clock.now() - newest) / 1000) }),
    ...(toBuild.length === 0 ? {} : { cost: buildCost(module.id) }),
  };
}

/** Go is needed only where something has to be built. */
async function goCheck(building: readonly PinnedModule[], context: Context): Promise<Check> {
  const versions = await Promise.all(building.map(requiredGo));
  const needed = versions.reduce((most, version) => (isAtLeast(version, most) ? version : most), '1.0');
  const about = { id: 'go', title: 'Go' };
  try {
    const installed = await installedGo(context, path.dirname(MODULES_DIRECTORY), needed);
    if (isAtLeast(installed, needed)) return { ...about, status: 'ok', says: installed };
    return {
      ...about,
      status: 'missing',
      says: `${installed}, and ${needed} or later is needed`,
      hint: goHint(needed),
    };
  } catch (error) {
    if (building.length === 0) {
      return { ...about, status: 'ok', says: 'not found, and not needed: everything is built' };
    }
    return { ...about, status: 'missing', says: messageOf(error), hint: goHint(needed) };
  }
}

async function setState(
  set: HostSet,
  context: Context,
): Promise<{ readonly state: SetState; readonly check?: Check }> {
  const kept = await unpackedSet(await debianEntry(set, context.paths.cache));
  if (kept !== undefined) return { state: { set, source: 'unpacked', version: kept.version } };
  if (await hasApt()) return { state: { set, source: 'to download' } };
  try {
    return { state: { set, source: 'installed', version: (await installedSet(set, context)).version } };
  } catch (error) {
    const hint = error instanceof Error && 'hint' in error ? String(error.hint) : '';
    return {
      state: { set, source: 'missing' },
      check: { id: `host.${set}`, title: set, status: 'missing', says: messageOf(error), hint },
    };
  }
}
