import type { Context } from '../../lib/context.ts';
import { formatBytes } from '../../lib/sizes.ts';
import type { ClusterRecord } from '../record.ts';
import { runEngine, type Engine } from './engine.ts';
import { nodesOf } from './layout.ts';

/** An engine takes 0 for "leave it as it is", so no limit is one that no machine reaches. */
const NO_LIMIT = 2 ** 50;

/** Sets or takes away the memory limit of each control-plane node. Swap is limited too: a machine that swaps does not run out. */
export async function limitMemory(
  record: ClusterRecord,
  engine: Engine,
  context: Context,
): Promise<string | undefined> {
  const limit = record.spec.controlPlaneMemory;
  const names = nodesOf(record)
    .filter(({ role }) => role === 'control-plane')
    .map(({ container }) => container);
  const { stdout } = await runEngine(engine, context, [
    ...['inspect', '--format', '{{.HostConfig.Memory}}', ...names],
  ]);
  const wanted = limit ?? 0;
  // None was ever set, or it was taken away.
  const limits = stdout
    .trim()
    .split('\n')
    .map(Number)
    .map((bytes) => (bytes >= NO_LIMIT ? 0 : bytes));
  if (limits.every((bytes) => bytes === wanted)) return undefined;
  const sizes =
    limit === undefined
      ? ['--memory', String(NO_LIMIT), '--memory-swap', '-1']
      : ['--memory', String(limit), '--memory-swap', String(limit)];
  await runEngine(engine, context, ['update', ...sizes, ...names]);
  return limit === undefined ? 'no limit' : `${formatBytes(limit)} each`;
}
