import { formatCount, formatRate, formatSeconds } from '../../lib/bulk-progress.ts';
import { formatApiservers } from '../apiserver-memory.ts';

/** What a run of `seed-policies` came to; the `summary` event of `--json`. */
export interface SeedSummary {
  readonly command: 'seed' | 'delete';
  /** Accounts asked for; when everything of the prefix is deleted, those that there were. */
  readonly asked: number;
  /** Policies with the prefix in the cluster at the end; absent when it could not be asked any more. */
  readonly present?: number;
  readonly created: number;
  /** Were there, but different. */
  readonly changed: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly failed: number;
  /** Of the writing or deleting alone. */
  readonly seconds: number;
  /** Accounts a second of the writing or deleting alone. */
  readonly rate: number;
  /** Requests that were tried again: an API server that was restarting, a conflict. */
  readonly retries: number;
  /** Resident bytes of each API server. */
  readonly apiservers: { readonly before: readonly number[]; readonly after: readonly number[] };
}

/** The summary for people. */
export function renderSummary(summary: SeedSummary): string[] {
  const { command, created, changed, unchanged, deleted, failed, present, asked, retries } = summary;
  const parts =
    command === 'delete'
      ? [`${formatCount(deleted)} deleted`]
      : [
          `${formatCount(created)} new`,
          ...(changed === 0 ? [] : [`${formatCount(changed)} brought up to date`]),
          ...(unchanged === 0 ? [] : [`${formatCount(unchanged)} as they were`]),
        ];
  const done = created + changed + deleted;
  const lines = [
    [
      `${formatCount(asked)} accounts: ${parts.join(', ')}${failed === 0 ? '' : `, ${formatCount(failed)} failed`}`,
      ...(done === 0 ? [] : [`${formatSeconds(summary.seconds)}, ${formatRate(summary.rate)} a second`]),
    ].join(' · '),
  ];
  if (present !== undefined) {
    const [before] = formatApiservers(summary.apiservers.before);
    const [after] = formatApiservers(summary.apiservers.after);
    const memory =
      after === undefined
        ? ''
        : ` · ${after}${before === undefined ? '' : ` (before: ${before.replace(/^\S+ /, '')})`}`;
    lines.push(`${formatCount(present)} policies are in the cluster now${memory}`);
  }
  if (retries > 0) lines.push(`${formatCount(retries)} requests were tried again.`);
  return lines;
}
