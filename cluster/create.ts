import { randomUUID } from 'node:crypto';
import type { Context } from '../lib/context.ts';
import { Failure } from '../lib/errors.ts';
import { exists } from '../lib/files.ts';
import { isPortFree } from '../lib/ports.ts';
import { layout } from './kind/layout.ts';
import { clusterDirectory, listClusterNames, readRecord, writeRecord, type ClusterRecord } from './record.ts';
import type { ClusterSpec } from './spec.ts';

/** The ports of a cluster's block that are probed for being free: where its first processes listen. */
const PROBED_PORTS = 16;
const PORT_BLOCK = 100;
const FIRST_BASE_PORT = 20_000;
const LAST_BASE_PORT = 31_900;

/** What cannot change while a cluster lives: etcd's data and the API's versions hang on it. */
const FIXED = ['provider', 'profile'] as const satisfies readonly (keyof ClusterSpec)[];
/** Nodes are made once, and each is a member of etcd. */
const FIXED_ON_KIND = ['controlPlanes'] as const satisfies readonly (keyof ClusterSpec)[];
type Fixed = (typeof FIXED)[number] | (typeof FIXED_ON_KIND)[number];

/**
 * The record for an `up`: a new one with ports of its own, or the existing one brought to this specification.
 * @throws Failure `usage` when something was asked for that only a new cluster can have; `environment` for a port
 *   that something else uses
 */
export async function prepareRecord(spec: ClusterSpec, context: Context): Promise<ClusterRecord> {
  const existing = await readRecord(context.paths, spec.name);
  if (existing !== undefined) {
    const keys: readonly Fixed[] = existing.spec.provider === 'kind' ? [...FIXED, ...FIXED_ON_KIND] : FIXED;
    const fixed = keys.filter((key) => existing.spec[key] !== spec[key]);
    if (fixed.length > 0) throw cannotChange(existing, spec, fixed);
  }
  for (const [flag, wanted, had] of [
    ['--api-port', spec.apiPort, existing?.spec.apiPort],
    ['--stats-port', spec.statsPort, existing?.spec.statsPort],
  ] as const) {
    if (wanted !== had && !(await isPortFree(wanted)))
      throw portTaken(flag, wanted, await ownerOf(wanted, spec.name, context));
  }
  const record: ClusterRecord =
    existing === undefined
      ? await newRecord(spec, context)
      : { ...existing, spec, basePort: await basePortOf(existing, context) };
  await writeRecord(context.paths, record);
  return record;
}

async function newRecord(spec: ClusterSpec, context: Context): Promise<ClusterRecord> {
  return {
    version: 1,
    id: randomUUID(),
    spec,
    basePort: await freeBasePort(context),
    createdAt: new Date(context.clock.now()).toISOString(),
    ready: false,
  };
}

/** Nodes that were never made can have other ports: something may have taken those of the interrupted `up`. */
async function basePortOf({ basePort, spec }: ClusterRecord, context: Context): Promise<number> {
  const { created } = layout(clusterDirectory(context.paths, spec.name));
  const keep = spec.provider !== 'kind' || (await exists(created)) || (await allFree(basePort));
  return keep ? basePort : freeBasePort(context);
}

async function freeBasePort(context: Context): Promise<number> {
  const records = await Promise.all(
    (await listClusterNames(context.paths)).map((name) => readRecord(context.paths, name)),
  );
  const taken = new Set(records.map((record) => record?.basePort));
  for (let base = FIRST_BASE_PORT; base <= LAST_BASE_PORT; base += PORT_BLOCK) {
    if (!taken.has(base) && (await allFree(base))) return base;
  }
  throw new Failure({
    kind: 'environment',
    what: `No block of free ports was found between ${FIRST_BASE_PORT} and ${LAST_BASE_PORT}`,
    hint: 'Remove clusters that are no longer needed with `npm run down -- --name NAME`.',
  });
}

async function allFree(base: number): Promise<boolean> {
  for (let offset = 0; offset < PROBED_PORTS; offset += 1) {
    if (!(await isPortFree(base + offset))) return false;
  }
  return true;
}

/** The name of the cluster of ours that has the port, if one has. */
async function ownerOf(port: number, except: string, context: Context): Promise<string | undefined> {
  for (const name of await listClusterNames(context.paths)) {
    const record = name === except ? undefined : await readRecord(context.paths, name);
    if (record?.spec.apiPort === port || record?.spec.statsPort === port) return name;
  }
  return undefined;
}

function portTaken(flag: string, port: number, owner: string | undefined): Failure {
  return new Failure({
    kind: 'environment',
    what: `Port ${port} is taken`,
    why: owner === undefined ? 'another program listens on it' : `cluster ${owner} has it`,
    hint: `Choose another one with ${flag} PORT.`,
  });
}

function cannotChange(record: ClusterRecord, spec: ClusterSpec, keys: readonly Fixed[]): Failure {
  const names: Readonly<Record<Fixed, string>> = {
    provider: 'provider',
    profile: 'profile',
    controlPlanes: 'the number of control planes',
  };
  const changes = keys.map((key) => `${names[key]} is ${record.spec[key]}, asked for was ${spec[key]}`);
  return new Failure({
    kind: 'usage',
    what: `Cluster ${record.spec.name} cannot be changed that way`,
    why: changes.join('; '),
    hint: `Run \`npm run down -- --name ${spec.name}\` first, or make a second cluster with --name.`,
  });
}
