import { z } from 'zod';
import type { Context } from '../../../lib/context.ts';
import { readFileIfExists } from '../../../lib/files.ts';
import { parseJson } from '../../../lib/json.ts';
import type { Progress } from '../../../lib/steps.ts';
import type { Profile } from '../../profile.ts';
import type { ClusterSpec } from '../../spec.ts';
import { nodeSources } from '../../toolchain/debian-archive.ts';
import { hasImage, type Engine } from '../engine.ts';
import { layout } from '../layout.ts';
import { BALANCER_IMAGE } from './balancer.ts';
import { buildNodeImage, nodeReference } from './node.ts';
import { pullImage } from './pull.ts';
import { partsOf } from './reference.ts';

const nodeImage = z.object({
  reference: z.string(),
  /** kind's own, by its digest, or one that was built here. */
  origin: z.enum(['pulled', 'built']),
  /** The version of Kubernetes in it. */
  kubernetes: z.string(),
});

/** What the nodes of a cluster are made of. */
export type NodeImage = z.infer<typeof nodeImage>;

const created = z.object({ image: nodeImage });

/** The image of a cluster's nodes, once they were created. */
export async function imageOfNodes(directory: string): Promise<NodeImage | undefined> {
  const text = await readFileIfExists(layout(directory).created);
  return text === undefined ? undefined : created.safeParse(parseJson(text)).data?.image;
}

/** The profile as the nodes have it: the image that was pulled may have another Kubernetes than is built here. */
export async function profileOfNodes(profile: Profile, directory: string): Promise<Profile> {
  const image = await imageOfNodes(directory);
  return image === undefined ? profile : { ...profile, kubernetes: image.kubernetes };
}

/**
 * The node image for new nodes: pulled where the profile names one and a registry answers, else built here.
 * @returns it, and in a phrase where it comes from
 */
export async function chooseNodeImage(
  profile: Profile,
  engine: Engine,
  context: Context,
  progress: Progress,
): Promise<{ readonly image: NodeImage; readonly said: string }> {
  const wanted = profile.nodeImage;
  if (wanted !== undefined) {
    const { name, version } = partsOf(wanted);
    const why = await pullImage(wanted, engine, context, progress);
    if (why === undefined) {
      return { image: { reference: wanted, origin: 'pulled', kubernetes: version }, said: `${name}, pulled` };
    }
    context.output.note(
      `  ${name} cannot be pulled (${why}): Kubernetes ${profile.kubernetes} is built here instead of ${version}.`,
    );
    context.output.event('node-image.built-instead', { wanted, why, kubernetes: profile.kubernetes });
  }
  const { reference, built } = await buildNodeImage(profile, engine, context, progress);
  const image = { reference, origin: 'built', kubernetes: profile.kubernetes } as const;
  return { image, said: `${reference}, ${built ? 'built here' : 'built here before'}` };
}

/**
 * Nodes that are still to be made take Debian's packages, unless the engine has all images of theirs. A node image that is
 * pulled lacks the one of tools' pods, which is made of them.
 * @throws Failure `environment` where this host has nowhere to fetch them from
 */
export async function requirePackages(
  { controlPlanes }: Pick<ClusterSpec, 'controlPlanes'>,
  profile: Profile,
  directory: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  if ((await imageOfNodes(directory)) !== undefined) return;
  if (profile.nodeImage !== undefined) {
    await nodeSources(context, '--provider embedded with another profile');
    return;
  }
  const images = [await nodeReference(profile, context), ...(controlPlanes > 1 ? [BALANCER_IMAGE] : [])];
  for (const image of images) {
    if (await hasImage(engine, context, image)) continue;
    await nodeSources(context);
    return;
  }
}
