import type { Context } from '../lib/context.ts';
import { examineContainers } from './doctor/containers.ts';
import { examineMachine } from './doctor/machine.ts';
import { examinePrograms, type ModuleState, type SetState } from './doctor/programs.ts';
import { directorySize } from './doctor/sizes.ts';
import { loadProfile } from './profile.ts';
import type { BuildCost } from './toolchain/costs.ts';
import { goCaches } from './toolchain/go.ts';

export { renderDiagnosis } from './doctor/render.ts';
export { prune, type Pruned } from './doctor/prune.ts';

/** One thing that was looked at. */
export interface Check {
  /** Stable, for `--json`: `go`, `port.6443`. */
  readonly id: string;
  readonly title: string;
  /** `missing`: `up` cannot work without it. `note`: it can, with what the text says. */
  readonly status: 'ok' | 'note' | 'missing';
  readonly says: string;
  /** What to do about it. */
  readonly hint?: string;
}

export interface Diagnosis {
  readonly profile: string;
  /** Whether `up` can work here, as far as can be told without trying. */
  readonly ready: boolean;
  readonly checks: readonly Check[];
  /** Every pinned module: what of it is cached, and what `up` still has to build. */
  readonly modules: readonly ModuleState[];
  readonly hostPrograms: readonly SetState[];
  /** What it takes to build what is missing. */
  readonly toBuild: BuildCost;
  /** Bytes of what only builds need; null where counting takes too long. */
  readonly caches: {
    readonly directory: string;
    readonly goBuild: number | null;
    readonly goModules: number | null;
  };
}

/** How long `doctor` may count the files of Go's caches. */
const COUNTING_MS = 3_000;

/** Looks at this machine and at the cache, and changes nothing. */
export async function examine(profileName: string, context: Context): Promise<Diagnosis> {
  const profile = await loadProfile(profileName);
  const caches = goCaches(context.paths);
  const containers = await examineContainers(profile, context);
  const [programs, goBuild, goModules] = await Promise.all([
    examinePrograms(profile, containers.choice.possible, context),
    directorySize(caches.build, context, COUNTING_MS),
    directorySize(caches.modules, context, COUNTING_MS),
  ]);
  const checks = [...(await examineMachine(programs, containers, context)), ...programs.checks];
  return {
    profile: profile.name,
    ready: checks.every(({ status }) => status !== 'missing'),
    checks,
    modules: programs.modules,
    hostPrograms: programs.sets,
    toBuild: programs.toBuild,
    caches: { directory: context.paths.cache, goBuild: goBuild ?? null, goModules: goModules ?? null },
  };
}
