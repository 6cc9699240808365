import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { KubeClient } from '../../lib/kube/client.ts';
import { holds, type Condition } from '../../lib/kube/conditions.ts';
import { NODES, type KubeObject } from '../../lib/kube/types.ts';
import { waitFor } from '../../lib/wait.ts';
import type { PkiStore } from '../pki/store.ts';
import type { Endpoint } from '../provider.ts';
import { waitForApiserver } from '../readiness.ts';
import type { ClusterRecord } from '../record.ts';
import { runEngine, type Engine } from './engine.ts';
import { nodesOf, type KindNode } from './layout.ts';

/** After a restart of all nodes kubelets start everything anew, on a cold machine with several nodes at once. */
const TIMEOUT_MS = 240_000;

export interface Probed {
  readonly record: ClusterRecord;
  readonly apiservers: readonly Endpoint[];
  readonly pki: PkiStore;
}

/** Waits until every API server answers `/readyz` itself, not through HAProxy. */
export async function waitForApiservers(cluster: Probed, engine: Engine, context: Context): Promise<void> {
  const controlPlanes = nodesOf(cluster.record).filter(({ role }) => role === 'control-plane');
  await Promise.all(
    cluster.apiservers.map((endpoint, index) => {
      const node = controlPlanes[index];
      if (node === undefined) throw new Error(`${endpoint.name} is no node`);
      const starting = {
        title: `the API server of ${node.container}`,
        timeoutMs: TIMEOUT_MS,
        maxPauseMs: 500,
        requireAlive: () => requireRunning(node, engine, context),
        explain: () => kubeletSays(node, engine, context),
      };
      return waitForApiserver(endpoint, cluster.pki, starting, context);
    }),
  );
}

interface NodeObject extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** Waits until the API knows all nodes, and their kubelets say that they are ready. */
export async function waitForNodes(
  record: ClusterRecord,
  client: KubeClient,
  context: Context,
): Promise<string> {
  const wanted = nodesOf(record).map(({ container }) => container);
  await waitFor(
    'the nodes to be ready',
    async () => {
      const nodes = await client.list<NodeObject>(NODES);
      const ready = nodes
        .filter(({ status }) => holds(status?.conditions, 'Ready'))
        .map(({ metadata }) => metadata?.name ?? '');
      const missing = wanted.filter((name) => !ready.includes(name));
      if (missing.length > 0) throw new Error(`not ready yet: ${missing.join(', ')}`);
      return true;
    },
    { clock: context.clock, signal: context.signal, timeoutMs: TIMEOUT_MS, maxPauseMs: 500 },
  );
  return `${wanted.length} ready`;
}

/** A node that ended is not worth waiting for. */
async function requireRunning(node: KindNode, engine: Engine, context: Context): Promise<void> {
  const { stdout } = await runEngine(engine, context, [
    ...['inspect', '--format', '{{.State.Running}} {{.State.ExitCode}}', node.container],
  ]);
  const [running, code = ''] = stdout.trim().split(' ');
  if (running === 'true') return;
  const { stdout: log, stderr } = await runEngine(engine, context, ['logs', '--tail', '8', node.container]);
  throw new Failure({
    kind: 'cluster',
    what: `The node ${node.container} ended with ${code}`,
    why: `${log}${stderr}`.trim(),
    hint: 'Run `npm run up` again, which starts it; `npm run doctor` looks at what nodes need.',
  });
}

async function kubeletSays(node: KindNode, engine: Engine, context: Context): Promise<string | undefined> {
  const { stdout } = await runEngine(
    engine,
    context,
    ['exec', node.container, 'journalctl', '-u', 'kubelet', '-n', '8', '--no-pager', '-o', 'cat'],
    { okExitCodes: [1, 126, 137] },
  );
  return stdout.trim() === '' ? undefined : stdout.trim();
}
