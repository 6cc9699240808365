import prettyMilliseconds from 'pretty-ms';
import { withClusterLock } from '../cluster/lock.ts';
import { openCluster } from '../cluster/open.ts';
import { requireRecord, withoutMigration } from '../cluster/record.ts';
import type { Context } from '../lib/context.ts';
import { requireFreshImage } from './fresh.ts';
import { goBack } from './go-back.ts';

/** Takes a cluster back to how its first `up` left it: restores the image saved then, and converges from there. */
export async function reset(name: string, context: Context): Promise<void> {
  const started = context.clock.now();
  const record = withoutMigration(await requireRecord(context.paths, name));
  await withClusterLock(name, 'reset', context, async () => {
    const cluster = await openCluster(name, context);
    const image = await requireFreshImage(cluster);
    const step = { id: 'reset.restore', title: 'Restore the image of the fresh cluster' };
    await goBack(cluster, { image, record }, step, context);
  });
  const ms = context.clock.now() - started;
  context.output.event('ready', { name, ms });
  context.output.note(`Cluster ${name} is fresh again after ${prettyMilliseconds(ms)}.`);
}
