import { keyOf, type Account } from '../accounts/account.ts';
import type { AccountDirectory } from '../accounts/directory.ts';
import type { DirectoryAnswer } from '../accounts/read-entries.ts';
import type { Observed } from '../difference/observed.ts';

/**
 * Asks the directory a second time where an account that exists is missing from its answer: pages of one answer are read
 * one after the other while others write, and an entry that moves between them can be in none. Only what is missing twice
 * counts as gone.
 */
export async function confirmed(
  first: DirectoryAnswer,
  directory: Pick<AccountDirectory, 'read'>,
  observed: Observed,
): Promise<DirectoryAnswer> {
  const present = keysOf(first);
  const missing = [...observed.keys()].some((key) => !present.has(key));
  if (!missing) return first;
  const second = await directory.read();
  const again = keysOf(second);
  const back: readonly Account[] = first.accounts.filter((account) => !again.has(keyOf(account)));
  return { ...second, accounts: [...second.accounts, ...back] };
}

function keysOf({ accounts, skipped }: DirectoryAnswer): Set<string> {
  const names = skipped.flatMap(({ type, names: own }) => own.map((name) => keyOf({ type, name })));
  return new Set([...accounts.map(keyOf), ...names]);
}
