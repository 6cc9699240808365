import path from 'node:path';
import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { readFileIfExists, writeFileIfChanged } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { requireEngine, runEngine, type Engine } from './engine.ts';
import { layout } from './layout.ts';

const knownEngine = z.object({ name: z.string(), id: z.string() });

/**
 * The engine that answers, which must be the one that has the cluster's containers: another Docker context sees none of
 * them, and a cluster that was removed there would live on unseen.
 * @throws Failure `environment` where none answers, or another one
 */
export async function requireKnownEngine(directory: string, context: Context): Promise<Engine> {
  const engine = await requireEngine(context);
  const file = fileOf(directory);
  const text = await readFileIfExists(file);
  const known = text === undefined ? undefined : knownEngine.safeParse(parseJson(text)).data;
  const id = known === undefined ? '' : await idOf(engine, context);
  if (known === undefined || (known.name === engine.name && known.id === id)) return engine;
  throw new Failure({
    kind: 'environment',
    what: 'Another container engine answers than the one that has the nodes of this cluster',
    why: `they were made with ${known.name} ${known.id}, and ${engine.name} ${id} answers now`,
    hint: `Use the same DOCKER_HOST or \`docker context\` as then. If that engine is gone for good, remove ${file}, and run \`npm run down\`.`,
  });
}

/** Before the first container is made. */
export async function rememberEngine(directory: string, engine: Engine, context: Context): Promise<void> {
  const known = { name: engine.name, id: await idOf(engine, context) };
  await writeFileIfChanged(fileOf(directory), `${JSON.stringify(known)}\n`);
}

/** It stays the same for as long as the engine's data do. Podman has none, and one for each user. */
async function idOf(engine: Engine, context: Context): Promise<string> {
  if (engine.name === 'podman') return '';
  return (await runEngine(engine, context, ['info', '--format', '{{.ID}}'])).stdout.trim();
}

function fileOf(directory: string): string {
  return path.join(layout(directory).kind, 'engine.json');
}
