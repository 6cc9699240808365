import path from 'node:path';
import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { KubeClient } from '../../lib/kube/client.ts';
import { readCredentials } from '../../lib/kube/credentials.ts';
import { readGenerators, type Generators } from './generation.ts';
import type { Tool } from './tool.ts';

/** As maintain-kubeusers names it in the kubeconfigs of tools, which may have others beside it. */
export const CONTEXT_NAME = 'toolforge';

/** An API server that does not answer for longer than this is not waited for: a person sits there. */
const RETRY = { budgetMs: 10_000, firstPauseMs: 100, maxPauseMs: 1_000 };

/** What `become` puts into the environment of a session. */
const environment = z.object({
  TOOL_DATA_DIR: z.string().refine((value) => path.isAbsolute(value)),
  KUBECONFIG: z.string().min(1),
  TOOLFORGE_LOCAL_TOOL_UID: z.coerce.number().int().positive(),
  TOOLFORGE_LOCAL_GENERATORS: z.string().min(1),
});

/** The API as the commands need it, as a seam: tests pass an object with these methods. */
export type WorkloadClient = Pick<KubeClient, 'get' | 'list' | 'apply' | 'create' | 'delete'>;

/** A tool at work: who it is, how its pods are to be written, and its own way to the API. */
export interface Session extends Pick<Context, 'clock' | 'signal'> {
  readonly tool: Tool;
  readonly generators: Generators;
  readonly client: WorkloadClient;
}

/**
 * Does some work as the tool of this session, with its kubeconfig.
 * @param cleanUp the work is to end in its own way after Ctrl-C: its requests go through all the same
 * @throws Failure `usage` outside of `become`
 */
export async function inSession<T>(
  context: Context,
  work: (session: Session) => Promise<T>,
  { cleanUp = false } = {},
): Promise<T> {
  const { tool, kubeconfig, generators } = await readSession(context.env);
  const { clock, signal } = context;
  const client = new KubeClient({
    credentials: await readCredentials(kubeconfig, CONTEXT_NAME),
    clock,
    ...(cleanUp ? {} : { signal }),
    connections: 4,
    retry: RETRY,
  });
  try {
    return await work({ tool, generators, client, clock, signal });
  } finally {
    await client.close();
  }
}

/** Whose session this is, from its environment. */
export async function readSession(
  env: NodeJS.ProcessEnv,
): Promise<{ readonly tool: Tool; readonly kubeconfig: string; readonly generators: Generators }> {
  const parsed = environment.safeParse(env);
  const outside = (why: string): Failure =>
    new Failure({
      kind: 'usage',
      what: 'This is not the session of a tool',
      why,
      hint: 'Run it inside `become TOOL`.',
    });
  if (!parsed.success) {
    const names = parsed.error.issues.map(({ path: [name] }) => String(name));
    throw outside(`${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not set as \`become\` sets them`);
  }
  const { TOOL_DATA_DIR, KUBECONFIG, TOOLFORGE_LOCAL_TOOL_UID: uid } = parsed.data;
  const generators = await readGenerators(parsed.data.TOOLFORGE_LOCAL_GENERATORS);
  if (generators === undefined) throw outside(`${parsed.data.TOOLFORGE_LOCAL_GENERATORS} is not there`);
  const name = path.basename(TOOL_DATA_DIR);
  const tool = { name, namespace: `tool-${name}`, uid, home: `/data/project/${name}` };
  return { tool, kubeconfig: KUBECONFIG, generators };
}
