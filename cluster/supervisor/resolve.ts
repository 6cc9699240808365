import type { Context } from '../../lib/context.ts';
import type { Progress } from '../../lib/steps.ts';
import { resolveHostTools } from '../toolchain/host-tools.ts';
import type { RunitTools } from './runit.ts';

/** The supervisor's own programs; unpacked first where they are not in the cache. */
export async function resolveRunit(context: Context, progress: Progress): Promise<RunitTools> {
  const tools = await resolveHostTools(['runsv', 'sv', 'svlogd'], context, progress);
  const libraryPath = tools.get('sv').env['LD_LIBRARY_PATH'];
  return {
    runsv: tools.get('runsv').program,
    sv: tools.get('sv').program,
    svlogd: tools.get('svlogd').program,
    ...(libraryPath === undefined ? {} : { libraryPath }),
  };
}
