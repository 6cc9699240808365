import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { Failure, messageOf } from '../../lib/errors.ts';
import { writeFileAtomic } from '../../lib/files.ts';
import { withSortedCapabilities, type Verdict } from './compare.ts';
import { EXPLAINED } from './explained.ts';
import type { Pod } from './pod.ts';
import type { World } from './worlds.ts';

/** What a real PodSecurityPolicy said to a pod, for clusters that have none any more. */
export interface Recorded {
  readonly pod: Pod;
  readonly psp: Verdict;
}

const pod = z.looseObject({ spec: z.looseObject({ containers: z.array(z.unknown()) }) });
const recorded = z.object({
  pod,
  psp: z.discriminatedUnion('admitted', [
    z.object({ admitted: z.literal(true), pod }),
    z.object({ admitted: z.literal(false), by: z.enum(['policy', 'api']), message: z.string() }),
  ]),
});

/** Since Kubernetes 1.27 only fields say what seccomp profile a container has. */
const SECCOMP_ANNOTATION = /^(container\.)?seccomp\.security\.alpha\.kubernetes\.io\//;

/** The pod without what versions of Kubernetes read differently, or what a difference is already explained by. */
export function portable(original: Pod): Pod {
  const applying = EXPLAINED.filter((row) => row.applies(original));
  const plain = applying.reduce((changed, row) => row.without(changed), original);
  const { annotations, ...metadata } = plain.metadata ?? {};
  const kept = Object.entries(annotations ?? {}).filter(([name]) => !SECCOMP_ANNOTATION.test(name));
  return { ...plain, metadata: { ...metadata, annotations: Object.fromEntries(kept) } };
}

/** One JSON object a line. */
export async function writeRecording(file: string, list: readonly Recorded[]): Promise<void> {
  await writeFileAtomic(file, list.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
}

/** @throws Failure `usage` when the file is no recording */
export async function readRecording(file: string): Promise<Recorded[]> {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    return lines.map((line) => {
      const entry: unknown = JSON.parse(line);
      recorded.parse(entry); // as it was written: a parsed copy has its keys in another order
      return entry as Recorded;
    });
  } catch (error) {
    throw new Failure({
      kind: 'usage',
      what: `${file} is no recording of what PodSecurityPolicy said`,
      why: error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error),
      hint: '`npm run parity -- --record FILE` on a cluster of the profile 2024 makes one.',
      cause: error,
    });
  }
}

/** The world of PodSecurityPolicy as it was recorded. */
export function recordedWorld(list: readonly Recorded[]): World {
  const verdicts = new Map(list.map((entry) => [JSON.stringify(entry.pod), entry.psp]));
  return (asked) => {
    const verdict = verdicts.get(JSON.stringify(asked));
    return verdict === undefined
      ? Promise.reject(new Error('a pod that was not recorded'))
      : Promise.resolve(verdict);
  };
}

/** What PodSecurityPolicy governs of an admitted pod; versions differ in what else they fill in. */
export function governed({ spec }: Pod): unknown {
  const containers = (list: Pod['spec']['initContainers']) =>
    (list ?? []).map(({ name, securityContext }) => ({ name, securityContext: contextOf(securityContext) }));
  return withSortedCapabilities({
    securityContext: spec.securityContext,
    containers: containers(spec.containers),
    initContainers: containers(spec.initContainers),
  });
}

/** Since 1.30 the API server makes a field of AppArmor's annotations, which the tools' PodSecurityPolicy left alone. */
function contextOf(context: object | undefined): object | undefined {
  if (context === undefined) return undefined;
  return Object.fromEntries(Object.entries(context).filter(([name]) => name !== 'appArmorProfile'));
}
