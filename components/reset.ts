import prettyMilliseconds from 'pretty-ms';
import { openCluster } from '../cluster/open.ts';
import { loadProfileOf } from '../cluster/profile.ts';
import type { UpState } from '../cluster/provider.ts';
import { providerOf } from '../cluster/providers.ts';
import { withClusterLock } from '../cluster/lock.ts';
import { requireRecord, withoutMigration, writeRecord } from '../cluster/record.ts';
import type { Context } from '../lib/context.ts';
import { runPlan, type Plan } from '../lib/steps.ts';
import { requireFreshImage } from './fresh.ts';
import { restoreImage } from './image.ts';
import { writeRollOut } from './maintain-kubeusers/index.ts';
import { upPlan } from './toolforge.ts';

/** Takes a cluster back to how its first `up` left it: restores the image saved then, and converges from there. */
export async function reset(name: string, context: Context): Promise<void> {
  const started = context.clock.now();
  const record = withoutMigration(await requireRecord(context.paths, name));
  await withClusterLock(name, 'reset', context, async () => {
    const cluster = await openCluster(name, context);
    const image = await requireFreshImage(cluster);
    await writeRecord(context.paths, record);
    await writeRollOut(cluster.directory, undefined);
    const restore: Plan<UpState> = [
      {
        id: 'reset.restore',
        title: 'Restore the image of the fresh cluster',
        async run() {
          await restoreImage(cluster, image, context);
          return undefined;
        },
      },
    ];
    const provider = await providerOf(record.spec.provider);
    const up = upPlan(provider, record, await loadProfileOf(record.spec), context);
    await runPlan([...restore, ...up], { cluster }, context);
  });
  const ms = context.clock.now() - started;
  context.output.event('ready', { name, ms });
  context.output.note(`Cluster ${name} is fresh again after ${prettyMilliseconds(ms)}.`);
}
