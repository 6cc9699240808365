import { createHash } from 'node:crypto';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { readFileIfExists, writeFileIfChanged } from '../../lib/files.ts';
import type { KubeObject } from '../../lib/kube/types.ts';

/** Kyverno's chart as the toolchain has it: it comes in the Go module whose programs it installs. */
export interface ChartSource {
  /** Kyverno's: `1.18.2`. */
  readonly version: string;
  /** The version of Kubernetes to render for. */
  readonly kubernetes: string;
  readonly directory: string;
  /** Subcharts that are not in the chart itself: directories or archives. */
  readonly dependencies: readonly string[];
  /** The program that renders charts: cluster/toolchain/modules/helm-*. */
  readonly renderer: string;
}

/** The namespace of production's release, and its name. */
export const KYVERNO_NAMESPACE = 'kyverno';
const RELEASE = 'kyverno';

/** Bumped when what is kept of a rendering changes its form. */
const CACHE_VERSION = 1;

/**
 * The chart's manifests for these values, CRDs included, hooks not. A rendering is kept in the cache directory: it
 * takes 1 s to make and another to parse (90,000 lines, most of them CRDs).
 */
export async function renderChart(
  source: ChartSource,
  values: Readonly<Record<string, unknown>>,
  context: Pick<Context, 'runner' | 'paths' | 'signal'>,
): Promise<readonly KubeObject[]> {
  const file = path.join(
    context.paths.cache,
    'charts',
    `kyverno-${fingerprint([CACHE_VERSION, source, values])}.json`,
  );
  const kept = await readFileIfExists(file);
  if (kept !== undefined) return JSON.parse(kept) as KubeObject[];
  const { stdout } = await context.runner.run(
    source.renderer,
    [
      ...['--release', RELEASE, '--namespace', KYVERNO_NAMESPACE],
      ...['--kube-version', renderedFor(source.kubernetes), '--values', '-'],
      ...source.dependencies.flatMap((dependency) => ['--dependency', dependency]),
      source.directory,
    ],
    { input: JSON.stringify(values), signal: context.signal },
  );
  const objects = parseManifests(stdout);
  await writeFileIfChanged(file, JSON.stringify(objects));
  return objects;
}

/** Kyverno's charts refuse Kubernetes below 1.25, though its programs run on 1.24: the manifests are the same. */
function renderedFor(kubernetes: string): string {
  return Number(kubernetes.split('.')[1]) < 25 ? '1.25.0' : kubernetes;
}

/** A stream of YAML documents, as Helm prints it. */
export function parseManifests(yaml: string): KubeObject[] {
  const documents = parseAllDocuments(yaml, { version: '1.1' }); // Helm writes for Go's parser, where `yes` is true
  const broken = documents.flatMap(({ errors }) => errors);
  if (broken.length > 0) {
    throw new Failure({
      kind: 'environment',
      what: "Kyverno's rendered chart is not valid YAML",
      why: broken.map(({ message }) => message).join('\n'),
    });
  }
  return documents
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

/** Sixteen hexadecimal digits that differ when the value does. */
export function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
