/** Accounts in bulk, in LDAP. What `seed-accounts` and the benchmarks use. */
export { MAX_ADMINS, MAX_TOOLS, type SeedAccountsOptions } from './options.ts';
export { requestsOf, type SeedAccountsRequest } from './requests.ts';
export { seedAccounts, type AccountsInCluster } from './run.ts';
export type { SeedAccountsOutcome } from './outcome.ts';
export { zoo, type Flaw, type ZooAnimal } from './zoo.ts';
