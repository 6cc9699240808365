import type { Account } from '../accounts/account.ts';
import { changesOwner } from '../homes/open.ts';
import type { ResourceKind } from './kind.ts';

/** Files and directories in a home, relative to it. */
export const TOOL_CREDENTIALS = '.toolskube';
export const ADMIN_CREDENTIALS = '.admkube';
export const KUBECONFIG_DIRECTORY = '.kube';
export const KUBECONFIG = '.kube/config';
/** Says to a tool's maintainers, and to production's other services, that the tool is disabled. */
export const DISABLED_MARK = 'k8s.disabled';

export function credentialsDirectory({ type }: Account): string {
  return type === 'tool' ? TOOL_CREDENTIALS : ADMIN_CREDENTIALS;
}

/**
 * The home itself and `logs` are the tool's group's too, new files included; keys are the tool's alone. Where we cannot
 * give homes away, a tool's pods come as somebody else: they may write, behind a directory that is this user's alone.
 */
function directoriesOf(account: Account): readonly (readonly [path: string, mode: number])[] {
  const shared = changesOwner() ? 0o2775 : 0o2777;
  const own = [[credentialsDirectory(account), 0o700] as const, [KUBECONFIG_DIRECTORY, 0o750] as const];
  return account.type === 'tool' ? [['', shared], ['logs', shared], ...own] : [['', 0o700], ...own];
}

/**
 * The directories of an account's home. What is there keeps its mode: a tool may close its home to others. Only its
 * credentials are never to be opened to them.
 */
export const home: ResourceKind = {
  id: 'home',
  version: 1,
  wanted: () => true,
  definition: (account) => ({ uid: account.uid, home: account.home, directories: directoriesOf(account) }),
  async apply(account, { homes }) {
    const credentials = credentialsDirectory(account);
    for (const [path, mode] of directoriesOf(account))
      await homes.makeDirectory(account, path, mode, path === credentials);
    await homes.remove(account, DISABLED_MARK);
    return {};
  },
  async verify(account, { homes }) {
    for (const [path, mode] of directoriesOf(account)) {
      const facts = await homes.facts(account, path);
      if (facts === undefined) return `${path === '' ? 'the home' : path} is missing`;
      if (facts.kind !== 'directory') return `${path} is no directory`;
      if (path === credentialsDirectory(account) && facts.mode !== mode)
        return `${path} has mode ${facts.mode.toString(8)}`;
    }
    const mark = await homes.facts(account, DISABLED_MARK);
    return mark === undefined ? undefined : `${DISABLED_MARK} is there`;
  },
};
