import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { runEngine, type Engine } from './engine.ts';

/** The label on every container and network of ours: the directory of the cluster that it belongs to. */
export const OWNER = 'toolforge-local.directory';
/** kind's own label, on whatever kind made. */
const KIND_CLUSTER = 'io.x-k8s.kind.cluster';

export function ownerLabel(directory: string): string[] {
  return ['--label', `${OWNER}=${directory}`];
}

export interface Container {
  readonly name: string;
  readonly running: boolean;
}

const listed = z.object({ Names: z.union([z.string(), z.array(z.string())]), State: z.string() });

/** The containers of this cluster, running or not. */
export function ownContainers(directory: string, engine: Engine, context: Context): Promise<Container[]> {
  return list(`label=${OWNER}=${directory}`, engine, context);
}

async function list(filter: string, engine: Engine, context: Context): Promise<Container[]> {
  const format = engine.name === 'docker' ? '{{json .}}' : 'json';
  const { stdout } = await runEngine(engine, context, [
    'ps',
    '--all',
    '--filter',
    filter,
    '--format',
    format,
  ]);
  const rows: unknown =
    engine.name === 'docker'
      ? stdout
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line) as unknown)
      : JSON.parse(stdout || '[]');
  return z
    .array(listed)
    .parse(rows)
    .map(({ Names, State }) => ({
      name: typeof Names === 'string' ? Names : (Names[0] ?? ''),
      running: State === 'running',
    }));
}

/** @throws Failure `foreign` where kind has a cluster of that name that is not this one */
export async function requireOwnName(
  name: string,
  directory: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  const all = await list(`label=${KIND_CLUSTER}=${name}`, engine, context);
  const own = new Set((await ownContainers(directory, engine, context)).map((container) => container.name));
  const foreign = all.filter((container) => !own.has(container.name));
  if (foreign.length === 0) return;
  throw new Failure({
    kind: 'foreign',
    what: `kind has a cluster named ${name} that was not made here`,
    why: `its nodes: ${foreign.map((container) => container.name).join(', ')}`,
    hint: `Nothing was changed. Choose another --name, or remove it with \`kind delete cluster --name ${name}\`.`,
  });
}

/** What an `up` that was killed had under way comes to be within seconds. */
const STILL_COMING_MS = 30_000;

/**
 * Removes the containers of this cluster with their volumes, then its network; nothing else. Containers that come to be
 * meanwhile, of a kind that was killed, go as well.
 */
export async function removeOwn(directory: string, engine: Engine, context: Context): Promise<void> {
  const { clock, signal } = context;
  await waitFor(
    'the nodes of the cluster to go',
    async () => {
      const containers = await ownContainers(directory, engine, context);
      if (containers.length > 0) {
        const names = containers.map(({ name }) => name);
        await runEngine(engine, context, ['rm', '--force', '--volumes', ...names]);
      }
      return removeNetworks(directory, engine, context);
    },
    { clock, signal, timeoutMs: STILL_COMING_MS, hint: 'Run the command again.' },
  );
}

async function removeNetworks(directory: string, engine: Engine, context: Context): Promise<true> {
  const { stdout } = await runEngine(engine, context, [
    ...['network', 'ls', '--quiet', '--filter', `label=${OWNER}=${directory}`],
  ]);
  const networks = stdout.split('\n').filter((line) => line !== '');
  if (networks.length === 0) return true;
  try {
    await runEngine(engine, context, ['network', 'rm', ...networks]);
    return true;
  } catch (error) {
    if (!(error instanceof Failure) || !/active endpoints|in use|being used/.test(error.why ?? ''))
      throw error;
    throw new Error(error.why, { cause: error });
  }
}
