import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from '../../../lib/context.ts';
import type { Progress } from '../../../lib/steps.ts';
import { buildDirectory, withEntryLock, type CacheEntry } from '../../toolchain/cache.ts';
import { narrate } from '../../toolchain/progress.ts';
import { hasImage, runEngine, type Engine } from '../engine.ts';
import { archiveImages } from './build.ts';
import type { ComponentImage } from './components.ts';
import { fetchPackages } from './packages.ts';

/** The image that kind 0.31.0 starts in front of several control planes (its package `loadbalancer`). */
export const BALANCER_IMAGE = 'kindest/haproxy:v20251211-v0.29.0-alpha-100-g82a92c5d';

const CONFIG = '/usr/local/etc/haproxy/haproxy.cfg';

/**
 * Debian's HAProxy under the name that kind wants, with what kind runs in the container (`mkdir`, `cp`, `kill`). `-n`
 * takes precedence over the 100,000 connections of kind's configuration, more than many hosts have file descriptors for.
 */
const IMAGE: ComponentImage = {
  reference: BALANCER_IMAGE,
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

/**
 * The balancer between the nodes: kubelets and kube-proxies reach the API servers through it, as kind has it. Every
 * client of ours goes through the HAProxy component, which is none of this. An image that is there under the name is kind's
 * own, and used.
 */
export async function ensureBalancerImage(
  engine: Engine,
  context: Context,
  progress: Progress,
): Promise<void> {
  if (await hasImage(engine, context, BALANCER_IMAGE)) return;
  const entry: CacheEntry = { directory: path.join(context.paths.cache, 'images', 'balancer') };
  await withEntryLock(entry, 'balancer image', context, progress, () =>
    narrate(
      'balancer image',
      () => 'building',
      context,
      progress,
      async () => {
        const work = buildDirectory(entry);
        await mkdir(work, { recursive: true, mode: 0o700 });
        const source = await fetchPackages(IMAGE.packages ?? [], work, context, () => undefined);
        const none = (): string => {
          throw new Error('this image has no program of the toolchain');
        };
        const directory = path.join(work, 'image');
        const archive = await archiveImages([IMAGE], directory, none, source, context, () => undefined);
        const file = path.join(work, 'balancer.tar');
        await archive.pack(file);
        await runEngine(engine, context, ['load', '--input', file]);
        await rm(work, { recursive: true, force: true });
      },
    ),
  );
}
