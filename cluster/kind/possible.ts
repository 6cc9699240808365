import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { Profile } from '../profile.ts';
import { nodeSources } from '../toolchain/debian-archive.ts';
import { askEngine, type Engine } from './engine.ts';

/** Whether `up` picks kind by itself. */
export interface KindChoice {
  readonly possible: boolean;
  /** The engine that answers, whether it is picked or not. */
  readonly engine?: Engine;
  /** Why not, in one line; absent where there is no engine that anybody could expect to be picked. */
  readonly why?: string;
  /** What would make it possible; absent where nothing would. */
  readonly hint?: string;
}

/**
 * kind is picked where Docker answers, and a node image for this profile can be made here. Podman is used only when kind
 * is asked for: its older versions cannot run nodes everywhere.
 */
export async function kindChoice(profile: Profile, context: Context): Promise<KindChoice> {
  const docker = await askEngine('docker', context);
  if ('problem' in docker && !docker.problem.installed) {
    const podman = await askEngine('podman', context);
    if ('problem' in podman) return { possible: false };
    return { possible: false, engine: podman.engine, why: 'podman is used with --provider kind only' };
  }
  if (profile.podSecurityPolicy) {
    const why = `profile ${profile.name} has PodSecurityPolicy, and node images are made without it`;
    return { possible: false, ...('engine' in docker ? docker : {}), why };
  }
  if ('problem' in docker) {
    return { possible: false, why: docker.problem.says, hint: docker.problem.hint };
  }
  try {
    await nodeSources(context);
    return { possible: true, engine: docker.engine };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
    return { possible: false, engine: docker.engine, ...reasonsOf(error) };
  }
}

function reasonsOf({ what, why = what, hint = '' }: Failure): Pick<KindChoice, 'why' | 'hint'> {
  const last = why.trim().split('\n').at(-1) ?? what;
  // That one is done already.
  const others = hint.replace(/(Or use|Use) --provider embedded\.$/, '').trim();
  return { why: `no node image can be built: ${last}`, ...(others === '' ? {} : { hint: others }) };
}
