import type { Cluster } from '../../cluster/provider.ts';
import { allowMassDelete, maintainKubeusersStatus } from '../../components/maintain-kubeusers/index.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import type { AccountsInCluster } from './run.ts';

/** 4,000 accounts with live policies on two cores take minutes; a loop that stands still is noticed by its progress. */
const TIMEOUT_MS = 30 * 60_000;
/**
 * maintain-kubeusers asks LDAP every second whether anything changed: when it had nothing to do for this long after
 * the last write, there is nothing left to do.
 */
const QUIET_MS = 3_000;

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
      let quietSince: number | undefined;
      const settled = await waitFor(
        'maintain-kubeusers to finish the accounts',
        async () => {
          const { accounts, work, massDeleteBlocked } = await maintainKubeusersStatus(
            cluster.directory,
          ).catch(notYet);
          if (massDeleteBlocked !== undefined) throw blocked(massDeleteBlocked);
          progress.update(
            `${accounts.ready} of ${accounts.total} ready, ${work.waiting + work.underWay} to do`,
          );
          const idle = accounts.pending === 0 && work.waiting + work.underWay === 0;
          quietSince = idle ? (quietSince ?? clock.now()) : undefined;
          return quietSince !== undefined && clock.now() - quietSince >= QUIET_MS ? accounts : undefined;
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
