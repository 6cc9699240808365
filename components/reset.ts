import { access } from 'node:fs/promises';
import prettyMilliseconds from 'pretty-ms';
import { openCluster } from '../cluster/open.ts';
import { loadProfile } from '../cluster/profile.ts';
import type { UpState } from '../cluster/provider.ts';
import { providerOf } from '../cluster/providers.ts';
import { clusterDirectory, requireRecord } from '../cluster/record.ts';
import type { Context } from '../lib/context.ts';
import { Failure } from '../lib/errors.ts';
import { acquireLock } from '../lib/lock.ts';
import { runPlan, type Plan } from '../lib/steps.ts';
import { freshImage, upPlan } from './toolforge.ts';

/** Takes a cluster back to how its first `up` left it: restores the image saved then, and converges from there. */
export async function reset(name: string, context: Context): Promise<void> {
  const started = context.clock.now();
  const directory = clusterDirectory(context.paths, name);
  const record = await requireRecord(context.paths, name);
  const image = freshImage(directory);
  await requireImage(image, record.ready);
  const release = await acquireLock(`${directory}.lock`, {
    command: 'reset',
    clock: context.clock,
    signal: context.signal,
  });
  try {
    const cluster = await openCluster(name, context);
    const restore: Plan<UpState> = [
      {
        id: 'reset.restore',
        title: 'Restore the image of the fresh cluster',
        async run() {
          await cluster.restoreState(image);
          return undefined;
        },
      },
    ];
    const provider = await providerOf(record.spec.provider);
    const up = upPlan(provider, record, await loadProfile(record.spec.profile), context);
    await runPlan([...restore, ...up], { cluster }, context);
  } finally {
    await release();
  }
  const ms = context.clock.now() - started;
  context.output.event('ready', { name, ms });
  context.output.note(`Cluster ${name} is fresh again after ${prettyMilliseconds(ms)}.`);
}

async function requireImage(image: string, ready: boolean): Promise<void> {
  const there = await access(image).then(
    () => true,
    () => false,
  );
  if (ready && there) return;
  throw new Failure({
    kind: 'cluster',
    what: 'There is no image of the fresh cluster to go back to',
    why: ready ? `${image} is missing` : 'no `up` of this cluster ever ended well',
    hint: 'Run `npm run down`, then `npm run up`.',
  });
}
