import type { Cluster } from '../../cluster/provider.ts';
import { DEFAULT_NAME } from '../../cluster/spec.ts';
import { statusOnceItAnswers } from '../../components/maintain-kubeusers/index.ts';
import { allowMassDelete, countInCluster } from '../../components/maintain-kubeusers/mass-delete.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { waitFor } from '../../lib/wait.ts';
import { Settling } from './settling.ts';
import type { AccountsInCluster } from './run.ts';

/** 4,000 accounts with live policies on two cores take minutes; a loop that stands still is noticed by its progress. */
const TIMEOUT_MS = 30 * 60_000;
/** A permit that was just given ends what is held back, as soon as the loop has looked again. */
const HELD_BACK_MS = 5_000;

/** The cluster's side of seeding accounts: maintain-kubeusers makes of them what they need, and we watch. */
export function accountsInCluster(cluster: Cluster, context: Context): AccountsInCluster {
  const { clock, signal } = context;
  let permitted = 0;
  return {
    async expectRemoval(accounts, isGoing) {
      const client = await cluster.client();
      try {
        // A permit takes the place of the one before: after a restart of LDAP fewer are left there than still have to go.
        permitted = Math.max(permitted, accounts, await countInCluster(client, isGoing));
        if (permitted > 0) await allowMassDelete(client, permitted, clock.now());
      } finally {
        await client.close();
      }
    },
    async settle(progress, isOwn) {
      const settling = new Settling(isOwn);
      let heldBackSince: number | undefined;
      const settled = await waitFor(
        'maintain-kubeusers to finish the accounts',
        async () => {
          const status = await statusOnceItAnswers(cluster.directory);
          const { massDeleteBlocked: why } = status;
          heldBackSince = why === undefined ? undefined : (heldBackSince ?? clock.now());
          if (why !== undefined) {
            if (clock.now() - (heldBackSince ?? 0) >= HELD_BACK_MS) throw blocked(why, cluster);
            return undefined;
          }
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

function blocked(why: string, { record }: Cluster): Failure {
  const { name } = record.spec;
  const flag = name === DEFAULT_NAME ? '' : ` --name ${name}`;
  return new Failure({
    kind: 'cluster',
    what: 'maintain-kubeusers removes nobody',
    why,
    hint: `If they are to go: \`npm run maintain-kubeusers -- --once --allow-mass-delete${flag}\` lets it remove them.`,
  });
}
