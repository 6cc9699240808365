import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import prettyMilliseconds from 'pretty-ms';
import { z } from 'zod';
import { withClusterLock } from '../cluster/lock.ts';
import { openCluster } from '../cluster/open.ts';
import { clusterDirectory, clusterRecord, requireRecord, type ClusterRecord } from '../cluster/record.ts';
import type { Context } from '../lib/context.ts';
import { Failure, systemCode } from '../lib/errors.ts';
import { exists, makePrivateDirectory, readFileIfExists, writeFileAtomic } from '../lib/files.ts';
import { parseJson } from '../lib/json.ts';
import { runStep } from '../lib/steps.ts';
import { goBack } from './go-back.ts';
import { saveImage } from './image.ts';
import { currentRollOut, rollOutSchema } from './maintain-kubeusers/index.ts';

/** What is kept beside the image: when it was made, and how far the policies were. */
const about = z.object({ savedAt: z.string(), record: clusterRecord, rollOut: rollOutSchema.optional() });

/** A saved state of a cluster. */
export interface Snapshot {
  readonly name: string;
  /** ISO 8601 */
  readonly savedAt: string;
  /** Bytes on disk. */
  readonly bytes: number;
}

function snapshots(directory: string): string {
  return path.join(directory, 'snapshots');
}

/** An image is moved here once it is complete; what it is about is written before, so that there is never one without. */
function placeOf(directory: string, snapshot: string) {
  const root = path.join(snapshots(directory), snapshot);
  return { root, image: path.join(root, 'image'), about: path.join(root, 'about.json') };
}

/**
 * Saves all that a cluster knows under a name: etcd, LDAP, homes, and how far a migration is. The API stays up.
 * @throws Failure `usage` when there is a snapshot of that name
 */
export async function saveSnapshot(name: string, snapshot: string, context: Context): Promise<void> {
  await withClusterLock(name, 'snapshot', context, async () => {
    const cluster = await openCluster(name, context);
    const place = placeOf(cluster.directory, snapshot);
    if (await exists(place.image)) {
      throw new Failure({
        kind: 'usage',
        what: `There is a snapshot named ${snapshot} already`,
        hint: `Choose another name, or run \`npm run snapshot -- delete ${snapshot}\` first.`,
      });
    }
    await makePrivateDirectory(place.root);
    const { record } = cluster;
    const rollOut = await currentRollOut(cluster.directory);
    const savedAt = new Date(context.clock.now()).toISOString();
    await writeFileAtomic(place.about, `${JSON.stringify({ savedAt, record, rollOut }, undefined, 2)}\n`);
    await runStep(
      'snapshot.save',
      `Save ${snapshot}`,
      () => saveImage(cluster, place.image, { ldap: true }, context),
      context,
    );
  });
}

/**
 * Takes a cluster back to a snapshot and converges from there. Sizes, replicas and ports stay what they are now.
 * @throws Failure `usage` when there is none of that name
 */
export async function restoreSnapshot(name: string, snapshot: string, context: Context): Promise<void> {
  const started = context.clock.now();
  await withClusterLock(name, 'snapshot', context, async () => {
    const cluster = await openCluster(name, context);
    const place = await requireSnapshot(cluster.directory, snapshot);
    const { record: then, rollOut } = await readAbout(place.about);
    const destination = { image: place.image, record: asSaved(cluster.record, then), rollOut };
    await goBack(cluster, destination, { id: 'snapshot.restore', title: `Restore ${snapshot}` }, context);
  });
  const ms = context.clock.now() - started;
  context.output.event('ready', { name, snapshot, ms });
  context.output.note(`Cluster ${name} is as it was in ${snapshot}, after ${prettyMilliseconds(ms)}.`);
}

/** Which policies tools have, and whether the plugin is loaded, hangs together with what is in etcd. */
export function asSaved(now: ClusterRecord, { spec, migration }: ClusterRecord): ClusterRecord {
  const { accountPolicy, podSecurityPolicy } = spec;
  return { ...now, migration, spec: { ...now.spec, accountPolicy, podSecurityPolicy } };
}

/** The snapshots of a cluster, oldest first. */
export async function listSnapshots(name: string, context: Context): Promise<Snapshot[]> {
  await requireRecord(context.paths, name);
  const directory = clusterDirectory(context.paths, name);
  const found: Snapshot[] = [];
  for (const snapshot of await namesOf(directory)) {
    const place = placeOf(directory, snapshot);
    const { savedAt } = await readAbout(place.about);
    found.push({ name: snapshot, savedAt, bytes: await sizeOf(place.root, context) });
  }
  return found.sort((left, right) => left.savedAt.localeCompare(right.savedAt));
}

/** @throws Failure `usage` when there is none of that name */
export async function deleteSnapshot(name: string, snapshot: string, context: Context): Promise<void> {
  await withClusterLock(name, 'snapshot', context, async () => {
    const { root } = await requireSnapshot(clusterDirectory(context.paths, name), snapshot);
    await rm(root, { recursive: true });
  });
}

async function requireSnapshot(directory: string, snapshot: string): Promise<ReturnType<typeof placeOf>> {
  const place = placeOf(directory, snapshot);
  if (await exists(place.image)) return place;
  const others = await namesOf(directory);
  throw new Failure({
    kind: 'usage',
    what: `There is no snapshot named ${snapshot}`,
    ...(others.length === 0 ? {} : { why: `there are: ${others.join(', ')}` }),
    hint: `\`npm run snapshot -- save ${snapshot}\` makes one.`,
  });
}

/** Those that are whole: the making of others was interrupted. */
async function namesOf(directory: string): Promise<string[]> {
  const names = await readdir(snapshots(directory)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const whole = await Promise.all(names.map((name) => exists(placeOf(directory, name).image)));
  return names.filter((_, index) => whole[index]);
}

async function readAbout(file: string): Promise<z.infer<typeof about>> {
  const parsed = about.safeParse(parseJson((await readFileIfExists(file)) ?? ''));
  if (parsed.success) return parsed.data;
  throw new Failure({
    kind: 'environment',
    what: 'The snapshot cannot be read',
    why: `${file}: ${z.prettifyError(parsed.error)}`,
    hint: 'Delete it with `npm run snapshot -- delete NAME`.',
  });
}

/** As `du` counts: LDAP's database has holes. */
async function sizeOf(directory: string, { runner, signal }: Context): Promise<number> {
  const { stdout } = await runner.run('du', ['-sk', directory], { signal });
  return Number.parseInt(stdout, 10) * 1024;
}
