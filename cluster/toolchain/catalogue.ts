import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { Failure, messageOf } from '../../lib/errors.ts';
import { readFileIfExists } from '../../lib/files.ts';

/** Where the pinned Go modules are, one folder each, with `catalogue.yaml` beside them. */
export const MODULES_DIRECTORY = path.join(import.meta.dirname, 'modules');

/** A path below a module's root: nothing that could lead out of it. */
const innerPath = z
  .string()
  .refine((value) => !path.isAbsolute(value) && !value.split('/').includes('..'), 'must stay in the module');

const moduleSchema = z.strictObject({
  /** Of the program itself, as it calls itself: `1.33.13`. */
  version: z.string().regex(/^v?\d+\.\d+\.\d+$/, 'must be a version: 1.2.3'),
  /** For the linker, besides `-s -w`. */
  ldflags: z.array(z.string()).default([]),
  /** Name of the program to the Go package of its `main`. */
  binaries: z.record(z.string().regex(/^[a-z0-9-]+$/), z.string().min(1)),
  /** Name to a file or directory of a Go module that the pinned one requires. */
  files: z.record(z.string(), z.strictObject({ module: z.string(), path: innerPath })).default({}),
});

const catalogueSchema = z.strictObject({
  modules: z.record(
    z.string().regex(/^[a-z][a-z0-9-]*-\d+\.\d+\.\d+$/, 'must be called <name>-<version>'),
    moduleSchema,
  ),
});

/** One pinned Go module: the source of some programs, and of files that belong to them. */
export interface PinnedModule extends z.infer<typeof moduleSchema> {
  /** `kubernetes-1.33.13`; its folder's name. */
  readonly id: string;
  /** For people: `kubernetes 1.33.13`. */
  readonly title: string;
  /** The folder with go.mod and go.sum. */
  readonly directory: string;
}

export type Catalogue = ReadonlyMap<string, PinnedModule>;

/** @throws Failure `usage` with every problem of the file when it is not valid */
export async function loadCatalogue(directory: string): Promise<Catalogue> {
  const file = path.join(directory, 'catalogue.yaml');
  const parsed = catalogueSchema.safeParse(await readYaml(file));
  if (!parsed.success) throw invalid(file, z.prettifyError(parsed.error));
  return new Map(
    Object.entries(parsed.data.modules).map(([id, module]) => [
      id,
      { ...module, id, title: id.replace(/-(?=\d+\.\d+\.\d+$)/, ' '), directory: path.join(directory, id) },
    ]),
  );
}

/** @throws Failure `usage` when a profile names a version that is not pinned here */
export function pinnedModule(catalogue: Catalogue, id: string): PinnedModule {
  const module = catalogue.get(id);
  if (module !== undefined) return module;
  throw new Failure({
    kind: 'usage',
    what: `There is no pinned Go module for ${id}`,
    hint: `Pinned here: ${[...catalogue.keys()].join(', ')}. See docs/CONTRIBUTING.md for how to add one.`,
  });
}

async function readYaml(file: string): Promise<unknown> {
  const text = await readFileIfExists(file);
  if (text === undefined) throw invalid(file, 'there is no such file');
  try {
    return parse(text);
  } catch (error) {
    throw invalid(file, messageOf(error));
  }
}

function invalid(file: string, why: string): Failure {
  return new Failure({ kind: 'usage', what: `The toolchain's catalogue ${file} is not valid`, why });
}
