/** Policies in bulk. What `seed-policies` and the benchmarks use. */
export { SEED_LABEL, type SeedPoliciesOptions } from './options.ts';
export { seedPolicies, type SeedRequest } from './run.ts';
export { renderSummary, type SeedSummary } from './summary.ts';
