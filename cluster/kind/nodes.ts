import { chmod, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import {
  makePrivateDirectory,
  readFileIfExists,
  writeFileAtomic,
  writeFileIfChanged,
} from '../../lib/files.ts';
import type { Progress } from '../../lib/steps.ts';
import { admissionFiles } from '../api-arguments.ts';
import type { PkiStore } from '../pki/store.ts';
import type { Profile } from '../profile.ts';
import type { ClusterRecord } from '../record.ts';
import { findProgram } from '../toolchain/path-tools.ts';
import { clientScript } from './client-script.ts';
import type { NodeImage } from './image/choose.ts';
import { ADMISSION_IN_NODE, kindConfig, mountedDirectories, networkFile } from './config.ts';
import { runEngine, type Engine } from './engine.ts';
import { rememberEngine } from './known-engine.ts';
import { balancerContainer, layout, networkName, nodesOf } from './layout.ts';
import { ensureNetwork } from './network.ts';
import { ownContainers, removeOwn, requireOwnName } from './owner.ts';
import { NODE_FILES } from './pod-host.ts';

/** Everything that creating nodes takes. */
export interface NodeInput {
  readonly record: ClusterRecord;
  readonly profile: Profile;
  readonly directory: string;
  readonly pki: PkiStore;
  readonly engine: Engine;
  /** Path of kind. */
  readonly kind: string;
  readonly image: NodeImage;
}

/** Containers that the cluster consists of. */
export function expectedContainers(record: ClusterRecord): string[] {
  const nodes = nodesOf(record).map(({ container }) => container);
  return record.spec.controlPlanes === 1 ? nodes : [balancerContainer(record.spec.name), ...nodes];
}

/**
 * From nothing, from stopped nodes, or from what an interrupted `up` left, to nodes that run.
 * @returns what was done, in a phrase
 * @throws Failure when a node is gone, or kind fails
 */
export async function bringUpNodes(input: NodeInput, context: Context, progress: Progress): Promise<string> {
  const { record, directory, engine } = input;
  const found = await ownContainers(directory, engine, context);
  if ((await readFileIfExists(layout(directory).created)) !== undefined) {
    requireAll(
      record,
      found.map(({ name }) => name),
    );
    const stopped = found.filter(({ running }) => !running).map(({ name }) => name);
    if (stopped.length === 0) return 'already running';
    await runEngine(engine, context, ['start', ...stopped]);
    return `${stopped.length} started again`;
  }
  // The kind of an `up` that was killed may live on: without its client it ends.
  await rm(layout(directory).bin, { recursive: true, force: true });
  await requireOwnName(record.spec.name, directory, engine, context);
  if (found.length > 0) {
    progress.update('removing what an interrupted `up` left');
    await removeOwn(directory, engine, context);
  }
  await createAnew(input, context, progress);
  const count = nodesOf(record).length;
  return `${count} ${count === 1 ? 'node' : 'nodes'}`;
}

function requireAll(record: ClusterRecord, found: readonly string[]): void {
  const missing = expectedContainers(record).filter((name) => !found.includes(name));
  if (missing.length === 0) return;
  const { name } = record.spec;
  throw new Failure({
    kind: 'cluster',
    what: `Nodes of cluster ${name} are gone`,
    why: `removed by hand, it seems: ${missing.join(', ')}`,
    hint: `What was in them is lost: run \`npm run down -- --name ${name}\`, then \`npm run up -- --name ${name}\`.`,
  });
}

/** Nodes that the kind of a killed `up` had under way may come to be only now, and take the names. */
async function createAnew(input: NodeInput, context: Context, progress: Progress): Promise<void> {
  try {
    await create(input, context, progress);
  } catch (error) {
    if (!(error instanceof Failure) || !/already exist/.test(error.why ?? '')) throw error;
    await requireOwnName(input.record.spec.name, input.directory, input.engine, context);
    await removeOwn(input.directory, input.engine, context);
    await create(input, context, progress);
  }
}

/** How long kind waits for a kubelet is kubeadm's matter; this is for a machine that stands still. */
const CREATE_MS = 15 * 60_000;

async function create(input: NodeInput, context: Context, progress: Progress): Promise<void> {
  const { record, profile, directory, pki, engine, kind, image } = input;
  const files = layout(directory);
  await makePrivateDirectory(files.kind);
  await rememberEngine(directory, engine, context);
  progress.update('network');
  const addresses = await ensureNetwork(record, directory, engine, context);
  await writeMounted(input, addresses);
  const client = await findProgram(engine.name, (context.env['PATH'] ?? '').split(path.delimiter));
  if (client === undefined) throw new Error(`${engine.name} answered, and is not in PATH`);
  const bin = path.join(files.bin, String(process.pid));
  await makePrivateDirectory(bin);
  const script = path.join(bin, engine.name);
  await writeFileAtomic(script, clientScript(client, directory, addresses), 0o700);
  await writeFileIfChanged(files.config, kindConfig(record, profile, directory, pki, image));
  const { name } = record.spec;
  try {
    await context.runner.run(
      kind,
      [
        'create',
        'cluster',
        '--name',
        name,
        '--config',
        files.config,
        '--kubeconfig',
        files.kindKubeconfig,
        '--retain',
      ],
      {
        env: {
          PATH: `${bin}${path.delimiter}${context.env['PATH'] ?? ''}`,
          KIND_EXPERIMENTAL_PROVIDER: engine.name,
          KIND_EXPERIMENTAL_DOCKER_NETWORK: networkName(name),
          KIND_EXPERIMENTAL_PODMAN_NETWORK: networkName(name),
        },
        signal: context.signal,
        timeoutMs: CREATE_MS,
        onLine: (line) => {
          // ` • Preparing nodes 📦 …`, and again with a tick when it is done.
          const step = /^\s*•\s+(.*?)\s+\S+\s*\.\.\.\s*$/u.exec(line)?.[1];
          if (step !== undefined) progress.update(step.toLowerCase());
        },
        hint: `Run \`npm run up -- --name ${name}\` again; it removes what is left of this attempt first.`,
      },
    );
  } finally {
    // It holds the admin's key too, and its server is not HAProxy.
    await rm(files.kindKubeconfig, { force: true });
  }
  await writeFileAtomic(
    files.created,
    `${JSON.stringify({ image, nodes: nodesOf(record) }, undefined, 2)}\n`,
  );
}

async function writeMounted(
  { record, directory }: NodeInput,
  addresses: ReadonlyMap<string, string>,
): Promise<void> {
  const files = layout(directory);
  for (const mounted of mountedDirectories(directory)) {
    await mkdir(mounted, { recursive: true, mode: 0o755 });
    await chmod(mounted, 0o755); // tools' pods are other users
  }
  await chmod(path.join(files.data, 'scratch'), 0o1777);
  for (const [name, content] of Object.entries(admissionFiles(ADMISSION_IN_NODE))) {
    await writeFileIfChanged(path.join(files.admission, name), content, 0o644);
  }
  for (const [name, content] of Object.entries(NODE_FILES)) {
    const file = path.join(files.etc, name);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
    await writeFileIfChanged(file, content, 0o644);
  }
  await writeFileIfChanged(files.network, networkFile(nodesOf(record), addresses), 0o644);
}
