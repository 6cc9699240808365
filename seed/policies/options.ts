import type { PolicyAction } from '../../cluster/spec.ts';

/** What `seed-policies` is asked to bring about. */
export interface SeedPoliciesOptions {
  /** How many accounts, the first ones of the prefix. */
  readonly count: number;
  readonly prefix: string;
  readonly action: PolicyAction;
  readonly background: boolean;
  readonly autogen: boolean;
  /** All policies in one namespace, as in the outage's hardest case (TOOLFORGE.md, section 2). */
  readonly singleNamespace: boolean;
  /** Accounts under way at once. */
  readonly concurrency: number;
}

/** Every object that `seed-policies` makes carries it, with the prefix as its value; nothing else is ever touched. */
export const SEED_LABEL = 'toolforge-local/seed';
