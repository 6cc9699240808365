import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { Failure } from '../lib/errors.ts';
import { readFileIfExists } from '../lib/files.ts';
import { isAtLeast } from '../lib/versions.ts';
import { PINNED_IMAGE } from './kind/image/reference.ts';
import { accountPolicyChoice, type ClusterSpec } from './spec.ts';

const version = z.string().regex(/^\d+\.\d+\.\d+$/);

const profileSchema = z.object({
  description: z.string(),
  kubernetes: version,
  etcd: version,
  kyverno: version,
  kwok: version,
  /** For kind: a node image to pull by its digest; where no registry answers, one is built here all the same. */
  nodeImage: z.string().regex(PINNED_IMAGE, 'must name a version and a digest').optional(),
  /** Whether the API servers load the PodSecurityPolicy admission plugin (Kubernetes before 1.25). */
  podSecurityPolicy: z.boolean(),
  /** The Kyverno policy that each tool gets, unless the cluster was asked for another. */
  accountPolicy: accountPolicyChoice,
  /** Where a cluster's programs do not run as production's do: on one provider only, or on both. */
  deviations: z.array(
    z.strictObject({
      what: z.string(),
      here: z.string(),
      production: z.string(),
      why: z.string(),
      on: z.enum(['embedded', 'kind']).optional(),
    }),
  ),
});

/** What versions and settings a cluster has; a file of cluster/profiles. */
export type Profile = z.infer<typeof profileSchema> & { readonly name: string };

/** Whether the API has PodSecurityPolicies at all, admitted by or not. */
export function servesPodSecurityPolicies({ kubernetes }: Pick<Profile, 'kubernetes'>): boolean {
  return !isAtLeast(kubernetes, '1.25');
}

const DIRECTORY = path.join(import.meta.dirname, 'profiles');

/** @throws Failure `usage` for an unknown profile, with the known ones named */
export async function loadProfile(name: string): Promise<Profile> {
  const known = (await readdir(DIRECTORY)).map((file) => path.basename(file, '.yaml'));
  if (!known.includes(name)) {
    throw new Failure({
      kind: 'usage',
      what: `There is no profile named ${name}`,
      hint: `Profiles: ${known.join(', ')}.`,
    });
  }
  const file = path.join(DIRECTORY, `${name}.yaml`);
  const parsed = profileSchema.safeParse(await fieldsOf(name));
  if (parsed.success) return { name, ...parsed.data };
  throw new Failure({
    kind: 'usage',
    what: `Profile ${name} is not valid`,
    why: `${file}: ${z.prettifyError(parsed.error)}`,
  });
}

/** The profile as a cluster has it: what its own specification says comes first. */
export async function loadProfileOf(
  spec: Pick<ClusterSpec, 'profile' | 'podSecurityPolicy' | 'kyverno'>,
): Promise<Profile> {
  const profile = await loadProfile(spec.profile);
  const { podSecurityPolicy = profile.podSecurityPolicy, kyverno = profile.kyverno } = spec;
  return { ...profile, podSecurityPolicy, kyverno };
}

/** A file's fields over those of the one that it is based on; its deviations come after that one's. */
async function fieldsOf(name: string): Promise<Readonly<Record<string, unknown>>> {
  const text = (await readFileIfExists(path.join(DIRECTORY, `${name}.yaml`))) ?? '';
  const { basedOn, ...own } = parse(text) as Record<string, unknown>;
  if (typeof basedOn !== 'string') return own;
  const base = await fieldsOf(basedOn);
  return { ...base, ...own, deviations: [...list(base['deviations']), ...list(own['deviations'])] };
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
