import type { Account } from '../accounts/account.ts';
import { credentialsDirectory, DISABLED_MARK } from './home.ts';
import type { ResourceKind } from './kind.ts';

/**
 * All that a disabled account has: a home with the mark and without credentials. A home that was never made is not made
 * for this.
 */
export const disabledMark: ResourceKind = {
  id: 'disabled-mark',
  version: 1,
  wanted: () => true,
  definition: ({ uid, home }) => ({ uid, home, mark: DISABLED_MARK }),
  async apply(account: Account, { homes }) {
    if ((await homes.facts(account, '')) === undefined) return {};
    const directory = credentialsDirectory(account);
    await homes.remove(account, `${directory}/client.key`);
    await homes.remove(account, `${directory}/client.crt`);
    if ((await homes.facts(account, DISABLED_MARK)) === undefined) {
      await homes.write(account, DISABLED_MARK, '', 0o644);
    }
    return {};
  },
  async verify(account, { homes }) {
    if ((await homes.facts(account, '')) === undefined) return undefined;
    const mark = await homes.facts(account, DISABLED_MARK);
    if (mark === undefined) return `${DISABLED_MARK} is missing`;
    const key = await homes.facts(account, `${credentialsDirectory(account)}/client.key`);
    return key === undefined ? undefined : 'the credentials are still there';
  },
};
