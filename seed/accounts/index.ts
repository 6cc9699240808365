/** Accounts in bulk, in LDAP. What `seed-accounts` and the benchmarks use. */
export { MAX_ADMINS, MAX_TOOLS, type SeedAccountsOptions } from './options.ts';
export { requestsOf, seedAccounts, type AccountsInCluster, type SeedAccountsRequest } from './run.ts';
export type { SeedAccountsOutcome } from './outcome.ts';
export { zoo, type Flaw, type ZooAnimal } from './zoo.ts';
