import { keyOf, type Account, type SkippedEntry } from '../accounts/account.ts';
import type { DirectoryAnswer } from '../accounts/read-entries.ts';
import { kindsOf } from '../resources/index.ts';
import { definitionHash } from '../resources/kind.ts';
import type { Settings } from '../settings.ts';

/** What one account should have. */
export interface DesiredAccount {
  readonly account: Account;
  /** By resource, in the order in which they are made: the definition as it will be recorded. */
  readonly resources: ReadonlyMap<string, string>;
}

/** What the directory and the definitions ask for together. */
export interface Desired {
  /** By `keyOf`. */
  readonly accounts: ReadonlyMap<string, DesiredAccount>;
  readonly skipped: readonly SkippedEntry[];
}

/** Computes the desired state; of accounts that did not change since the last time it is remembered. */
export class DesiredState {
  readonly #settings: Settings;
  #remembered: ReadonlyMap<string, DesiredAccount> = new Map();
  #last: { readonly answer: DirectoryAnswer; readonly desired: Desired } | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  of(answer: DirectoryAnswer): Desired {
    if (this.#last?.answer === answer) return this.#last.desired;
    const { accounts, skipped } = answer;
    const desired = new Map<string, DesiredAccount>();
    for (const account of accounts) {
      const key = keyOf(account);
      const known = this.#remembered.get(key);
      desired.set(
        key,
        known !== undefined && sameAccount(known.account, account) ? known : this.#compute(account),
      );
    }
    this.#remembered = desired;
    this.#last = { answer, desired: { accounts: desired, skipped } };
    return this.#last.desired;
  }

  #compute(account: Account): DesiredAccount {
    const resources = kindsOf(account, this.#settings).map((kind): [string, string] => [
      kind.id,
      definitionHash(kind, account, this.#settings),
    ]);
    return { account, resources: new Map(resources) };
  }
}

function sameAccount(left: Account, right: Account): boolean {
  return left.uid === right.uid && left.home === right.home && left.disabled === right.disabled;
}
