/** What `seed-accounts` is asked to bring about. */
export interface SeedAccountsOptions {
  /** How many tools, the first ones of the prefix. */
  readonly count: number;
  readonly prefix: string;
  /** How many people become admins besides. */
  readonly admins: number;
}

/** People take the upper end of their prefix's uids (`peopleOf`): this many tools leave room for them. */
export const MAX_TOOLS = 50_000;
export const MAX_ADMINS = 100;

/** The `description` of every entry that `seed-accounts` makes; nothing without it is ever changed or deleted. */
export function markOf(prefix: string): string {
  return `seed-accounts/${prefix}`;
}

/** The mark of the broken entries of `--malformed`. No prefix has a space in it. */
export const ZOO_MARK = 'seed-accounts/malformed zoo';
