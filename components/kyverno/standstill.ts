import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../../cluster/provider.ts';
import type { Context } from '../../lib/context.ts';
import { readFileIfExists, writeFileAtomic } from '../../lib/files.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { refreshHealthLease } from './health-lease.ts';
import { readInstalled } from './installed.ts';
import { waitForKyverno } from './ready.ts';
import { unregisterWebhooks } from './webhooks.ts';

const ADMISSION = 'kyverno-admission-controller';

/** Its presence says that Kyverno's admission was stopped on purpose and has not been seen working since. */
const MARKER = 'kyverno-standstill';

/** Whether Kyverno's admission was stopped by `stopAdmission` and not brought back yet, by whoever was killed meanwhile. */
export async function admissionStandsStill({ directory }: Pick<Cluster, 'directory'>): Promise<boolean> {
  return (await readFileIfExists(path.join(directory, MARKER))) !== undefined;
}

/**
 * Stops Kyverno's admission controller and removes its webhooks: the API servers then take policies, and pods, as if
 * Kyverno were not there. May be killed at any point and run again; `startAdmission` undoes it from anywhere.
 */
export async function stopAdmission(cluster: Cluster, client: KubeClient): Promise<void> {
  await writeFileAtomic(path.join(cluster.directory, MARKER), '');
  await cluster.platform.pause(ADMISSION);
  await unregisterWebhooks(client);
}

/** Starts it again and waits until it admits and refuses. */
export async function startAdmission(cluster: Cluster, client: KubeClient, context: Context): Promise<void> {
  await refreshHealthLease(client, context.clock);
  await resumeAdmission(cluster);
  const installed = await readInstalled(client);
  if (installed !== undefined) await waitForKyverno(cluster, client, installed, context);
  await forgetStandstill(cluster);
}

/** For whoever has brought admission back and seen it work. */
export async function forgetStandstill({ directory }: Pick<Cluster, 'directory'>): Promise<void> {
  await rm(path.join(directory, MARKER), { force: true });
}

/** Only starts it: for a clean-up that must not take long. The marker stays until somebody waited. */
export async function resumeAdmission({ platform }: Cluster): Promise<void> {
  await platform.resume(ADMISSION);
}
