import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { PODS, type KubeObject } from '../../lib/kube/types.ts';
import { waitFor } from '../../lib/wait.ts';
import { find, refusal, remove } from './resources.ts';
import { CONTEXT_NAME, type Session } from './session.ts';
import { withStorage } from './storage.ts';
import { shellPod } from './webservice.ts';

/** An image that nobody has pulled yet takes its time. */
const READY_MS = 120_000;

interface Pod extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly containerID?: string;
      readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string } };
    }[];
  };
}

/**
 * A shell in a pod of that type, in the foreground. The pod goes with it, also after Ctrl-C: the session's requests must
 * go through after the signal.
 * @returns the shell's exit code
 * @throws Failure when pods are only simulated here
 */
export async function webserviceShell(
  type: string,
  session: Session,
  { runner, output }: Pick<Context, 'runner' | 'output'>,
): Promise<number> {
  const { tool, client, clock, generators } = session;
  const name = `shell-${Math.floor(clock.now() / 1000)}`;
  const pod: KubeObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: labelsOf(name) },
    spec: withStorage(shellPod({ tool, type, ...generators }), tool.home),
  };
  try {
    await client.create(PODS, pod, tool.namespace).catch((error: unknown) => {
      throw refusal('The pod of the shell', error);
    });
    output.note(`Waiting for the pod ${name} …`);
    await attachable(session, name);
    const args = [
      '--context',
      CONTEXT_NAME,
      '--namespace',
      tool.namespace,
      'attach',
      '-it',
      name,
      '-c',
      'shell',
    ];
    return await runner.attach('kubectl', args);
  } finally {
    await remove(session, PODS, name);
  }
}

/** Not those of the webservice: its Service must not send visitors to a shell. */
function labelsOf(name: string): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/component': 'webservice-interactive',
    'app.kubernetes.io/managed-by': 'webservice',
    toolforge: 'tool',
    name,
  };
}

/** Waits until there is a container to attach to. */
async function attachable(session: Session, name: string): Promise<void> {
  let waiting: string | undefined;
  const found = await waitFor(
    `the pod ${name} to run`,
    async () => {
      const { status } = (await find<Pod>(session, PODS, name)) ?? {};
      const [container] = status?.containerStatuses ?? [];
      const { reason, message } = container?.state?.waiting ?? {};
      waiting = reason === undefined ? undefined : [reason, message].filter(Boolean).join(': ');
      return status?.phase === undefined || status.phase === 'Pending' ? undefined : { ...status, container };
    },
    {
      clock: session.clock,
      signal: session.signal,
      timeoutMs: READY_MS,
      explain: () => Promise.resolve(waiting),
      hint: 'The pod was deleted again.',
    },
  );
  // Every container runtime gives its containers an id; what plays pods has none to give.
  if (found.container?.containerID !== undefined) return;
  throw new Failure({
    kind: 'environment',
    what: 'There is no shell in the pod: pods are simulated on this cluster and have no containers',
    why: 'KWOK plays the nodes of the provider `embedded`',
    hint: 'The pod was deleted again. `npm run up -- --provider kind` makes a cluster with real pods.',
  });
}
