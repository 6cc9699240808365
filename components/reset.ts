import prettyMilliseconds from 'pretty-ms';
import { openCluster } from '../cluster/open.ts';
import { loadProfile, profileOf } from '../cluster/profile.ts';
import type { UpState } from '../cluster/provider.ts';
import { providerOf } from '../cluster/providers.ts';
import { clusterDirectory, requireRecord, withoutMigration, writeRecord } from '../cluster/record.ts';
import type { Context } from '../lib/context.ts';
import { acquireLock } from '../lib/lock.ts';
import { runPlan, type Plan } from '../lib/steps.ts';
import { requireFreshImage, restoreFreshImage } from './image.ts';
import { writeRollOut } from './maintain-kubeusers/index.ts';
import { upPlan } from './toolforge.ts';

/** Takes a cluster back to how its first `up` left it: restores the image saved then, and converges from there. */
export async function reset(name: string, context: Context): Promise<void> {
  const started = context.clock.now();
  const directory = clusterDirectory(context.paths, name);
  const before = await requireRecord(context.paths, name);
  const record = withoutMigration(before);
  const release = await acquireLock(`${directory}.lock`, {
    command: 'reset',
    clock: context.clock,
    signal: context.signal,
  });
  try {
    const cluster = await openCluster(name, context);
    await requireFreshImage(cluster);
    await writeRecord(context.paths, record);
    await writeRollOut(cluster.directory, undefined);
    const restore: Plan<UpState> = [
      {
        id: 'reset.restore',
        title: 'Restore the image of the fresh cluster',
        async run() {
          await restoreFreshImage(cluster, context);
          return undefined;
        },
      },
    ];
    const provider = await providerOf(record.spec.provider);
    const profile = profileOf(record.spec, await loadProfile(record.spec.profile));
    const up = upPlan(provider, record, profile, context);
    await runPlan([...restore, ...up], { cluster }, context);
  } finally {
    await release();
  }
  const ms = context.clock.now() - started;
  context.output.event('ready', { name, ms });
  context.output.note(`Cluster ${name} is fresh again after ${prettyMilliseconds(ms)}.`);
}
