import type { Cluster } from '../../cluster/provider.ts';
import { allowMassDelete, maintainKubeusersStatus } from '../../components/maintain-kubeusers/index.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { Settling } from './settling.ts';
import type { AccountsInCluster } from './run.ts';

/** 4,000 accounts with live policies on two cores take minutes; a loop that stands still is noticed by its progress. */
const TIMEOUT_MS = 30 * 60_000;
/** The cluster's side of seeding accounts: maintain-kubeusers makes of them what they need, and we watch. */
export function accountsInCluster(cluster: Cluster, context: Context): AccountsInCluster {
  const { clock, signal } = context;
  return {
    async expectRemoval(accounts) {
      const client = await cluster.client();
      try {
        await allowMassDelete(client, accounts);
      } finally {
        await client.close();
      }
    },
    async settle(progress) {
      const settling = new Settling();
      const settled = await waitFor(
        'maintain-kubeusers to finish the accounts',
        async () => {
          const status = await maintainKubeusersStatus(cluster.directory).catch(notYet);
          if (status.massDeleteBlocked !== undefined) throw blocked(status.massDeleteBlocked);
          const { accounts, work } = status;
          progress.update(
            `${accounts.ready} of ${accounts.total} ready, ${work.waiting + work.underWay} to do`,
          );
          return settling.look(status, clock.now()) ? accounts : undefined;
        },
        {
          clock,
          signal,
          timeoutMs: TIMEOUT_MS,
          maxPauseMs: 500,
          hint: 'It goes on by itself: look at `npm run status` and `npm run logs maintain-kubeusers`.',
        },
      );
      const { ready, disabled, skipped } = settled;
      return `${ready} ready, ${disabled} disabled, ${skipped} skipped`;
    },
  };
}

/** A loop that restarts answers again in a moment. */
function notYet(error: unknown): never {
  if (error instanceof Failure) throw new Error(error.message, { cause: error });
  throw error;
}

function blocked(why: string): Failure {
  return new Failure({
    kind: 'cluster',
    what: 'maintain-kubeusers removes nobody',
    why,
    hint: 'If that is what you want: `npm run maintain-kubeusers -- --once --allow-mass-delete`.',
  });
}
