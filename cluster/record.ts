import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Failure, systemCode } from '../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists, writeFileAtomic } from '../lib/files.ts';
import { parseJson } from '../lib/json.ts';
import type { Paths } from '../lib/paths.ts';
import { accountPolicyChoice, clusterSpec, policyTemplate } from './spec.ts';

/** Bumped when a record of an older version can no longer be read. */
const RECORD_VERSION = 1;

/** What is in `cluster.json`. */
export const clusterRecord = z.object({
  version: z.literal(RECORD_VERSION),
  /** A UUID, also in the cluster's marker object: how a command knows the cluster for ours. */
  id: z.string(),
  spec: clusterSpec,
  /** The first port of the block that everything behind HAProxy listens in. */
  basePort: z.number().int(),
  /** ISO 8601 */
  createdAt: z.string(),
  /** Whether an `up` ever ended well; before that there is no image to reset to. */
  ready: z.boolean(),
  /** How far the migration from PodSecurityPolicy is; absent: it has not begun. `reset` goes back to before it. */
  migration: z
    .object({
      /** The last stage that is done; 0 is none. */
      stage: z.number().int().min(0),
      /** That stage is being undone. */
      undoing: z.boolean().optional(),
      /** What `accountPolicy` was before. */
      before: accountPolicyChoice.optional(),
      /** What the tools are to have in the end. */
      policy: policyTemplate,
    })
    .optional(),
});

export type ClusterRecord = z.infer<typeof clusterRecord>;

/** The record as it was before any migration. */
export function withoutMigration({ migration, ...record }: ClusterRecord): ClusterRecord {
  if (migration === undefined) return record;
  const spec = { ...record.spec, accountPolicy: migration.before, podSecurityPolicy: undefined };
  return { ...record, spec };
}

/** The directory of one cluster: record, keys, logs, data, tool homes, images. */
export function clusterDirectory(paths: Paths, name: string): string {
  return path.join(paths.state, name);
}

/** The record, or undefined where there is no such cluster. */
export async function readRecord(paths: Paths, name: string): Promise<ClusterRecord | undefined> {
  const file = path.join(clusterDirectory(paths, name), 'cluster.json');
  const text = await readFileIfExists(file);
  if (text === undefined) return undefined;
  const parsed = clusterRecord.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure({
    kind: 'environment',
    what: `The record of cluster ${name} cannot be read`,
    why: `${file}: ${z.prettifyError(parsed.error)}`,
    hint: `Run \`npm run down -- --name ${name}\` to remove what is left of it.`,
  });
}

/** @throws Failure when there is no cluster of that name */
export async function requireRecord(paths: Paths, name: string): Promise<ClusterRecord> {
  const record = await readRecord(paths, name);
  if (record !== undefined) return record;
  const others = await listClusterNames(paths);
  throw new Failure({
    kind: 'cluster',
    what: `There is no cluster named ${name}`,
    ...(others.length === 0 ? {} : { why: `clusters here: ${others.join(', ')}` }),
    hint: others.length === 0 ? 'Run `npm run up`.' : 'Name one with --name, or run `npm run up`.',
  });
}

export async function writeRecord(paths: Paths, record: ClusterRecord): Promise<void> {
  const directory = clusterDirectory(paths, record.spec.name);
  await makePrivateDirectory(directory);
  await writeFileAtomic(path.join(directory, 'cluster.json'), `${JSON.stringify(record, undefined, 2)}\n`);
}

export async function removeClusterDirectory(paths: Paths, name: string): Promise<void> {
  await rm(clusterDirectory(paths, name), { recursive: true, force: true });
}

/** Names of the clusters that have a directory, running or not. */
export async function listClusterNames(paths: Paths): Promise<string[]> {
  try {
    await mkdir(paths.state, { recursive: true, mode: 0o700 });
    const entries = await readdir(paths.state, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
