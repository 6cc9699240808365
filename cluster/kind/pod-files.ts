import type { Context } from '../../lib/context.ts';
import { imageOfNodes } from './image/choose.ts';
import { runEngine, type Engine } from './engine.ts';
import { layout } from './layout.ts';

/**
 * What pods wrote into homes belongs to their tools, and only root may read or remove it. An ordinary user has their
 * engine do what root could: in a container without a network that sees the cluster's data and nothing else.
 */
const SCRIPTS = {
  /** For a copy, while the pods go on. */
  readable: 'find /data ! -user "$(stat -c %u /data)" ! -type l -exec chmod u+rX,go+rX {} +',
  /** To be removed. */
  ours: 'chown -hR --reference=/data /data',
} as const;

/** Opens the files of pods to this user; nothing to do for root, or before there were nodes. */
export async function openPodFiles(
  how: keyof typeof SCRIPTS,
  directory: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  if (process.geteuid?.() === 0) return;
  const image = await imageOfNodes(directory);
  if (image === undefined) return;
  await runEngine(engine, context, [
    ...['run', '--rm', '--network', 'none', '--volume', `${layout(directory).data}:/data`],
    ...['--entrypoint', '/bin/sh', image.reference, '-euc', SCRIPTS[how]],
  ]);
}
