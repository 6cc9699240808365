import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import type { Progress } from '../../../lib/steps.ts';
import { buildDirectory, withEntryLock } from '../../toolchain/cache.ts';
import { PLATFORM } from '../../toolchain/go.ts';
import { narrate } from '../../toolchain/progress.ts';
import { hasImage, runEngine, type Engine } from '../engine.ts';
import { archiveImages } from './build.ts';
import type { ComponentImage } from './components.ts';
import { imageEntry } from './entries.ts';
import { removeOlder } from './own-images.ts';
import { fetchPackages } from './packages.ts';

const REPOSITORY = 'toolforge-local/balancer';

const CONFIG = '/usr/local/etc/haproxy/haproxy.cfg';

/**
 * Debian's HAProxy where kind expects it, with what kind runs in the container (`mkdir`, `cp`, `kill`). `-n`
 * takes precedence over the 100,000 connections of kind's configuration, more than many hosts have file descriptors for.
 */
const RECIPE: Omit<ComponentImage, 'reference'> = {
  programs: {},
  packages: ['haproxy', 'busybox-static'],
  links: Object.fromEntries(
    ['sh', 'cp', 'mkdir', 'kill', 'cat'].map((applet) => [`/usr/local/bin/${applet}`, '/bin/busybox']),
  ),
  // Until kind has written its own: something to listen on, or HAProxy would not start.
  files: { [CONFIG]: 'defaults\n  timeout client 1s\nfrontend none\n  bind 127.0.0.1:1\n' },
  entrypoint: ['/usr/sbin/haproxy', '-W', '-db', '-n', '4000', '-f', CONFIG],
  stopSignal: 'SIGUSR1',
};

/** Another one when the recipe differs. Debian's updates do not count. */
export const BALANCER_IMAGE = `${REPOSITORY}:${createHash('sha256')
  .update(JSON.stringify([PLATFORM.arch, RECIPE]))
  .digest('hex')
  .slice(0, 12)}`;

/**
 * The balancer between the nodes: kubelets and kube-proxies reach the API servers through it, as kind has it. Every
 * client of ours goes through the HAProxy component, which is none of this. kind names an image of its own, in whose place
 * `client-script.ts` puts this one.
 */
export async function ensureBalancerImage(
  engine: Engine,
  context: Context,
  progress: Progress,
): Promise<void> {
  if (await hasImage(engine, context, BALANCER_IMAGE)) return;
  const entry = imageEntry('balancer', context.paths.cache);
  await withEntryLock(entry, 'balancer image', context, progress, () =>
    narrate(
      'balancer image',
      () => 'building',
      context,
      progress,
      async () => {
        const work = buildDirectory(entry);
        await mkdir(work, { recursive: true, mode: 0o700 });
        const source = await fetchPackages(RECIPE.packages ?? [], work, context, () => undefined);
        const none = (): string => {
          throw new Error('this image has no program of the toolchain');
        };
        const directory = path.join(work, 'image');
        const image = { reference: BALANCER_IMAGE, ...RECIPE };
        const archive = await archiveImages([image], directory, none, source, context, () => undefined);
        const file = path.join(work, 'balancer.tar');
        await archive.pack(file);
        await runEngine(engine, context, ['load', '--input', file]);
        await rm(work, { recursive: true, force: true });
        await removeOlder(REPOSITORY, BALANCER_IMAGE, engine, context);
      },
    ),
  );
}
