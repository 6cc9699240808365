import type { SeedAccountsOptions } from './options.ts';

/** One thing that a run brings about. */
export type SeedAccountsRequest =
  | { readonly kind: 'seed'; readonly options: SeedAccountsOptions }
  /** Without a count: all of the prefix. */
  | { readonly kind: 'delete'; readonly prefix: string; readonly count: number | undefined }
  | { readonly kind: 'zoo' }
  | { readonly kind: 'delete-zoo' };

/** What a person asked for, as a list of requests. */
export function requestsOf(asked: {
  readonly count?: number | undefined;
  readonly prefix: string;
  readonly admins: number;
  readonly delete: boolean;
  readonly malformed: boolean;
}): SeedAccountsRequest[] {
  const { count, prefix, admins, malformed } = asked;
  if (asked.delete) {
    // `--malformed --delete` is about the zoo alone, unless a count says otherwise.
    const accounts: SeedAccountsRequest[] =
      malformed && count === undefined ? [] : [{ kind: 'delete', prefix, count }];
    return [...accounts, ...(malformed ? [{ kind: 'delete-zoo' as const }] : [])];
  }
  return [
    ...(count === undefined ? [] : [{ kind: 'seed' as const, options: { count, prefix, admins } }]),
    ...(malformed ? [{ kind: 'zoo' as const }] : []),
  ];
}
