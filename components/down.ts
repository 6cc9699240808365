import { unmergeKubeconfig, userKubeconfig } from '../cluster/merge-kubeconfig.ts';
import { providerOf } from '../cluster/providers.ts';
import { withClusterLock } from '../cluster/lock.ts';
import { clusterDirectory, readRecord, removeClusterDirectory } from '../cluster/record.ts';
import type { ClusterSpec } from '../cluster/spec.ts';
import type { Context } from '../lib/context.ts';
import { exists } from '../lib/files.ts';
import { runPlan } from '../lib/steps.ts';

/** Ends a cluster and removes everything that was made for it. Nothing to remove is no failure. */
export async function down(name: string, context: Context): Promise<void> {
  const directory = clusterDirectory(context.paths, name);
  if (!(await exists(directory))) {
    context.output.note(`There is no cluster named ${name}: nothing to do.`);
    context.output.event('gone', { name, existed: false });
    return;
  }
  await withClusterLock(name, 'down', context, async () => {
    // A record that cannot be read must not keep anybody from getting rid of its processes.
    const record = await readRecord(context.paths, name).catch(() => undefined);
    const providers: readonly ClusterSpec['provider'][] =
      record === undefined ? ['embedded', 'kind'] : [record.spec.provider];
    await runPlan(
      [
        {
          id: 'down.processes',
          title: 'Stop everything that runs',
          async run() {
            for (const provider of providers) await (await providerOf(provider)).down(name, context);
            return undefined;
          },
        },
        {
          id: 'down.data',
          title: 'Remove keys, data and logs',
          async run() {
            await removeClusterDirectory(context.paths, name);
            await unmergeKubeconfig(userKubeconfig(context.env), name);
            return undefined;
          },
        },
      ],
      undefined,
      context,
    );
    context.output.event('gone', { name, existed: true });
    context.output.note(`Cluster ${name} is gone.`);
  });
}
