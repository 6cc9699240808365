import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import type { Cluster } from '../../cluster/provider.ts';
import type { Context } from '../../lib/context.ts';
import { Failure, messageOf, systemCode } from '../../lib/errors.ts';
import { isFatal } from '../../lib/kube/retry.ts';
import { nameProblem } from './accounts/account.ts';
import { readTool } from './accounts/tools.ts';
import { accountHomes } from './places.ts';
import { DISABLED_MARK } from './resources/home.ts';
import { asOwner } from './sessions/as-owner.ts';
import { asRoot } from './sessions/as-root.ts';
import type { Equipment, Session } from './sessions/session.ts';

export interface BecomeOptions {
  readonly tool: string;
  /** A program and its arguments; none: a login shell. */
  readonly command: readonly string[];
  /** What of this project is shown inside. */
  readonly equipment: Equipment;
}

/**
 * Runs a shell or a command as a tool: in its home, with its kubeconfig and the pinned kubectl. Root takes on the tool's
 * user id as well; anybody else owns all homes already.
 * @returns the exit code
 * @throws Failure when there is no such tool, or it is disabled
 */
export async function becomeTool(
  { tool, command, equipment }: BecomeOptions,
  cluster: Cluster,
  context: Context,
): Promise<number> {
  if (nameProblem(tool) !== undefined) throw noSuchTool(tool, 'that is no name of a tool');
  const home = path.join(accountHomes(cluster.directory).tools, tool);
  const owner = await ownerOf(home, tool);
  // Not opened: the tool may have put a pipe there, or a link to a device.
  if ((await factsOf(path.join(home, DISABLED_MARK))) !== undefined) {
    throw new Failure({
      kind: 'cluster',
      what: `The tool ${tool} is disabled`,
      hint: `\`seed-accounts --unlock ${tool}\` enables it again.`,
    });
  }
  const isRoot = process.geteuid?.() === 0;
  const session: Session = {
    ...{ tool, home, equipment },
    // Homes belong to whoever runs all this, unless that is root.
    uid: isRoot ? owner : await uidOf(tool, cluster, context),
    kubectl: await cluster.program('kubectl'),
    command: command.length > 0 ? command : ['/bin/bash', '-l'],
  };
  const [program, args] = isRoot
    ? await asRoot(session, owner, context)
    : await asOwner(session, cluster, context);
  return context.runner.attach(program, args, { cwd: '/' });
}

async function ownerOf(home: string, tool: string): Promise<number> {
  const facts = await factsOf(home);
  if (facts === undefined) throw noSuchTool(tool, 'it has no home (yet)');
  if (!facts.isDirectory()) throw noSuchTool(tool, `${home} is not a directory`);
  return facts.uid;
}

/** What there is at that path, a link itself; undefined where there is nothing. */
async function factsOf(file: string): Promise<Stats | undefined> {
  return lstat(file).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}

function noSuchTool(tool: string, why: string): Failure {
  return new Failure({
    kind: 'usage',
    what: `There is no tool named ${JSON.stringify(tool)}`,
    why,
    hint: '`npm run status` shows whether accounts are still being made.',
  });
}

/** The tool's number as LDAP has it. Without it a session is good for all but making pods: that is no reason to refuse it. */
async function uidOf(
  tool: string,
  cluster: Cluster,
  { signal, output }: Context,
): Promise<number | undefined> {
  try {
    const account = await readTool(cluster.directory, tool, signal);
    if (account === undefined) throw new Error('LDAP has no such account');
    return account.uid;
  } catch (error) {
    if (isFatal(error)) throw error;
    output.note(
      `webservice and toolforge-jobs will not work, for want of the tool's user id: ${messageOf(error)}`,
    );
    return undefined;
  }
}
