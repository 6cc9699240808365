import type { Context } from '../../lib/context.ts';
import type { Profile } from '../profile.ts';
import { canFetchNodePackages } from '../toolchain/debian-archive.ts';
import { findEngine } from './engine.ts';

/**
 * Whether `up` picks kind by itself: Docker answers, and a node image for this profile can be made here. Podman is used
 * only when kind is asked for: its older versions cannot run nodes everywhere.
 */
export async function kindIsPossible(profile: Profile, context: Context): Promise<boolean> {
  if (profile.podSecurityPolicy) return false;
  const answer = await findEngine(context);
  if (!('engine' in answer) || answer.engine.name !== 'docker') return false;
  return canFetchNodePackages(context);
}
