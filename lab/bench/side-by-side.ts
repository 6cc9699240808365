import type { Cluster } from '../../cluster/provider.ts';
import { loadPolicyTemplate } from '../../components/kyverno/policies/render.ts';
import { runBulk } from '../../lib/bulk.ts';
import type { Context } from '../../lib/context.ts';
import { NAMESPACES, pathOf, POLICIES } from '../../lib/kube/types.ts';
import { desiredNamespace, desiredPolicy, targets, type Target } from '../../seed/policies/desired.ts';
import type { SeedPoliciesOptions } from '../../seed/policies/options.ts';
import { AccountWriter } from '../../seed/policies/write.ts';
import { Flood, type Prepared } from './flood.ts';

export interface SideBySide {
  /** Accounts a second of our writer, and of the flood. */
  readonly ours: number;
  readonly flood: number;
}

/** Turns: the machine's speed drifts, and a fuller cluster is slower. The first turn of each warms up. */
const TURNS = 5;

/**
 * Writes accounts with the writer of `seed-policies` and with a raw flood of the same objects, turn by turn.
 * @param what namespaces alone, or with their policies
 * @param accounts of each side in each turn
 */
export async function sideBySide(
  cluster: Cluster,
  what: 'namespaces' | 'policies',
  accounts: number,
  connections: number,
  context: Context,
): Promise<SideBySide> {
  const template = await loadPolicyTemplate('toolforge', cluster.profile.kyverno);
  const options = (prefix: string): SeedPoliciesOptions => ({
    count: accounts * TURNS,
    prefix,
    action: 'Audit',
    background: false,
    autogen: false,
    singleNamespace: false,
    concurrency: connections,
  });
  const ours = options(`ours-${what}`);
  const theirs = options(`flood-${what}`);
  const prepare = (target: Target): Prepared[] => {
    const namespace = { path: pathOf(NAMESPACES), body: JSON.stringify(desiredNamespace(target, theirs)) };
    const body = JSON.stringify(desiredPolicy(target, theirs, template));
    return what === 'namespaces'
      ? [namespace]
      : [namespace, { path: pathOf(POLICIES, target.namespace), body }];
  };
  const client = await cluster.client({ connections, signal: context.signal });
  const flood = await Flood.open(cluster, connections);
  try {
    const writer = new AccountWriter(client, ours, template);
    const policyIs = what === 'namespaces' ? 'there' : 'missing';
    const mine = [...targets(ours)].map(
      (target) => ({ ...target, namespaceIs: 'missing' as const, policyIs }) as const,
    );
    const prepared = [...targets(theirs)].map(prepare);
    const seconds = { ours: 0, flood: 0 };
    for (let turn = 0; turn < TURNS; turn += 1) {
      const part = <T>(list: readonly T[]): T[] => list.slice(turn * accounts, (turn + 1) * accounts);
      const time = async (who: keyof typeof seconds, work: () => Promise<unknown>): Promise<void> => {
        const started = context.clock.now();
        await work();
        if (turn > 0) seconds[who] += (context.clock.now() - started) / 1000;
      };
      await time('ours', () =>
        runBulk(part(mine), {
          concurrency: connections,
          signal: context.signal,
          nameOf: ({ account }) => account.name,
          work: (item) => writer.write(item),
        }),
      );
      await time('flood', () => flood.send(part(prepared)));
    }
    const measured = accounts * (TURNS - 1);
    return { ours: measured / seconds.ours, flood: measured / seconds.flood };
  } finally {
    await flood.close();
    await client.close();
  }
}
