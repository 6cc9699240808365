import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Context } from '../lib/context.ts';
import { bareKindConfig } from './kind/config.ts';
import { requireEngine, type Engine } from './kind/engine.ts';
import { chooseNodeImage } from './kind/image/choose.ts';
import { KIND_MODULE } from './kind/image/root.ts';
import { requireOwnName } from './kind/owner.ts';
import { SILENT } from './local-cluster.ts';
import { loadProfile } from './profile.ts';
import { resolveBinaries } from './toolchain/resolve.ts';

/** kind without anything of ours but the node image. */
export interface BareKind {
  readonly engine: Engine;
  /** Path of kind. */
  readonly kind: string;
  /** What `kind create cluster` is given. */
  readonly config: string;
}

/**
 * The pinned kind, and the node image that `up` takes by default.
 * @throws Failure `environment` where there is no engine, or no node image can be had
 */
export async function prepareBareKind(name: string, context: Context): Promise<BareKind> {
  const engine = await requireEngine(context);
  // Whatever kind has under this name was made by somebody else, and would be removed with ours.
  await requireOwnName(name, '', engine, context);
  const profile = await loadProfile('current');
  const kind = (await resolveBinaries([{ module: KIND_MODULE, binary: 'kind' }], context, SILENT)).get(
    'kind',
  );
  if (kind === undefined) throw new Error('kind was not resolved');
  const { image } = await chooseNodeImage(profile, engine, context, SILENT);
  return { engine, kind, config: bareKindConfig(profile, image) };
}

/** Seconds of `kind create cluster`; what it made is deleted again. */
export async function bareKindSeconds(
  name: string,
  { engine, kind, config }: BareKind,
  { runner, signal, clock }: Context,
): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tl-kind-'));
  const file = path.join(directory, 'config.yaml');
  const run = (args: readonly string[], ending?: AbortSignal) =>
    runner.run(kind, [...args, '--name', name, '--kubeconfig', path.join(directory, 'kubeconfig')], {
      env: { KIND_EXPERIMENTAL_PROVIDER: engine.name },
      ...(ending === undefined ? {} : { signal: ending }),
    });
  try {
    await writeFile(file, config);
    const started = clock.now();
    await run(['create', 'cluster', '--config', file], signal);
    return (clock.now() - started) / 1000;
  } finally {
    await run(['delete', 'cluster']); // after Ctrl-C too
    await rm(directory, { recursive: true, force: true });
  }
}
