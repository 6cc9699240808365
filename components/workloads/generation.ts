import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Failure } from '../../lib/errors.ts';
import { readFileIfExists, writeFileAtomic } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { GENERATIONS, type Generation } from './tool.ts';

/** The suffix of tools' web addresses, unless the file says another. */
const WEB_DOMAIN = 'toolforge.local';

const generatorsSchema = z.strictObject({
  generation: z.enum(GENERATIONS),
  webDomain: z.string().min(1),
  /** The image that stands in for Toolforge's own; absent: theirs. */
  standIn: z.string().min(1).optional(),
});

/** What both generators are told by the cluster, not by the tool. */
export type Generators = z.infer<typeof generatorsSchema>;

/** The file of a cluster's generators; tools see its directory in their sessions, and so every change of the file. */
export function generationFile(clusterDirectory: string): string {
  return path.join(clusterDirectory, 'data', 'etc', 'generators.json');
}

/**
 * All that the file says; undefined where there is none.
 * @throws Failure `environment` when something else stands in it
 */
export async function readGenerators(file: string): Promise<Generators | undefined> {
  const text = await readFileIfExists(file);
  if (text === undefined) return undefined;
  const parsed = generatorsSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure({
    kind: 'environment',
    what: 'The settings of the workload generators are not valid',
    why: `${file}: ${z.prettifyError(parsed.error)}`,
    hint: 'Remove the file: the next `become` writes it anew.',
  });
}

/** From now on `webservice` and `toolforge-jobs` write pods of this generation, in sessions that are open already too. */
export async function writeGeneration(clusterDirectory: string, generation: Generation): Promise<void> {
  const file = generationFile(clusterDirectory);
  // What cannot be read is replaced: this is how it is mended.
  const known = await readGenerators(file).catch(() => undefined);
  await writeGenerators(file, { webDomain: WEB_DOMAIN, ...known, generation });
}

async function writeGenerators(file: string, generators: Generators): Promise<void> {
  const directory = path.dirname(file);
  await mkdir(path.dirname(directory), { recursive: true, mode: 0o700 });
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o755); // tools read it, whatever the umask
  await writeFileAtomic(file, `${JSON.stringify(generators, undefined, 2)}\n`, 0o644);
}

/**
 * Makes sure that a cluster has the file. Where pods still have a PodSecurityPolicy the migration has not begun; where they
 * really run, they are of an image that is there.
 * @returns the file's path
 */
export async function ensureGenerators({
  directory,
  profile,
  platform,
}: {
  readonly directory: string;
  readonly profile: { readonly podSecurityPolicy: boolean };
  readonly platform: { readonly toolImage?: string };
}): Promise<string> {
  const file = generationFile(directory);
  if ((await readGenerators(file)) === undefined) {
    await writeGenerators(file, {
      generation: profile.podSecurityPolicy ? 'before' : 'explicit',
      webDomain: WEB_DOMAIN,
      ...(platform.toolImage === undefined ? {} : { standIn: platform.toolImage }),
    });
  }
  return file;
}
