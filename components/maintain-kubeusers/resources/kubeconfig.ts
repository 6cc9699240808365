import { isUtf8 } from 'node:buffer';
import { namespaceOf, type Account } from '../accounts/account.ts';
import type { FileContent } from '../homes/homes.ts';
import type { Settings } from '../settings.ts';
import { credentialsDirectory, KUBECONFIG } from './home.ts';
import type { ResourceKind, Tools } from './kind.ts';
import { mergeKubeconfig, type KubeconfigPart, type Merged } from './merge-kubeconfig.ts';

const MODE = 0o600;
/** What a person writes by hand stays far below; parsing more is work that a tool could make for us. */
const MAX_BYTES = 512 * 1024;

/**
 * Names are production's (TOOLFORGE.md 5). The files of the certificate are named relative to the kubeconfig, as
 * clients read it: the home has another path in a pod than on this machine.
 */
function partOf(account: Account, { cluster }: Settings): KubeconfigPart {
  const directory = `../${credentialsDirectory(account)}`;
  const files = { certificateFile: `${directory}/client.crt`, keyFile: `${directory}/client.key` };
  return {
    cluster: { name: 'toolforge', ...cluster },
    user: { name: account.type === 'tool' ? `tf-${account.name}` : account.name, ...files },
    context: {
      name: 'toolforge',
      ...(account.type === 'tool' ? { namespace: namespaceOf(account.name) } : {}),
    },
  };
}

/** The account's kubeconfig, merged into what its people keep in the same file. */
export const kubeconfig: ResourceKind = {
  id: 'kubeconfig',
  version: 1,
  wanted: () => true,
  definition: (account, settings) => ({ ...partOf(account, settings), uid: account.uid }),
  async apply(account, tools) {
    const { content, before, merged } = await look(account, tools);
    if ('problem' in merged) return { problem: `${KUBECONFIG} ${merged.problem}; it was left as it is` };
    // What its people write meanwhile is not overwritten: the write fails, and the account is tried again.
    if (merged.text !== before || (await modeProblem(account, tools)) !== undefined)
      await tools.homes.write(account, KUBECONFIG, merged.text, MODE, { content });
    return {};
  },
  async verify(account, tools) {
    const { before, merged } = await look(account, tools);
    if (before === undefined) return 'is missing';
    if ('problem' in merged) return merged.problem;
    if (merged.text !== before) return 'does not lead to the cluster';
    return modeProblem(account, tools);
  },
};

async function look(
  account: Account,
  { homes, settings }: Tools,
): Promise<FileContent & { readonly before: string | undefined; readonly merged: Merged }> {
  const content = await homes.read(account, KUBECONFIG, MAX_BYTES);
  const before = content === undefined ? undefined : Buffer.from(content).toString('utf8');
  const merged =
    content === undefined || isUtf8(content)
      ? mergeKubeconfig(before, partOf(account, settings))
      : { problem: 'is not UTF-8' };
  return { content, before, merged };
}

/** Its people may keep tokens in it. They may close it further than it is made; others are never to read it. */
async function modeProblem(account: Account, { homes }: Tools): Promise<string | undefined> {
  const mode = (await homes.facts(account, KUBECONFIG))?.mode ?? MODE;
  return (mode & 0o077) === 0 ? undefined : `has mode ${mode.toString(8)}`;
}
