import { loadProfileOf } from '../cluster/profile.ts';
import type { Cluster, UpState } from '../cluster/provider.ts';
import { providerOf } from '../cluster/providers.ts';
import { writeRecord, type ClusterRecord } from '../cluster/record.ts';
import type { Context } from '../lib/context.ts';
import { runPlan, type Step } from '../lib/steps.ts';
import { restoreImage } from './image.ts';
import { writeRollOut, type RollOutFile } from './maintain-kubeusers/index.ts';
import { upPlan } from './toolforge.ts';

/** Where a cluster is taken back to. */
export interface Destination {
  /** The directory of an image. */
  readonly image: string;
  /** The cluster's record from then on. */
  readonly record: ClusterRecord;
  /** What was being rolled out when the image was made; absent: nothing. */
  readonly rollOut?: RollOutFile | undefined;
}

/** Restores an image and converges from there. For whoever holds the cluster's lock. */
export async function goBack(
  cluster: Cluster,
  { image, record, rollOut }: Destination,
  { id, title }: Pick<Step<UpState>, 'id' | 'title'>,
  context: Context,
): Promise<void> {
  await writeRecord(context.paths, record);
  await writeRollOut(cluster.directory, rollOut);
  const restore: Step<UpState> = {
    id,
    title,
    async run() {
      await restoreImage(cluster, image, context);
      return undefined;
    },
  };
  const provider = await providerOf(record.spec.provider);
  const up = upPlan(provider, record, await loadProfileOf(record.spec), context);
  await runPlan([restore, ...up], { cluster }, context);
}
