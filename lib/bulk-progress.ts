import prettyMilliseconds from 'pretty-ms';
import type { BulkSnapshot } from './bulk.ts';

const BAR_CELLS = 24;

/**
 * A run in one line: `████████░░░░░░░░ 2,048 of 4,000 · 54/s · 36s left · 2 failed`.
 * @param extra what else is worth watching: memory, say
 */
export function formatBulk(snapshot: BulkSnapshot, extra: readonly string[] = []): string {
  const { total, done, failed, rate, left } = snapshot;
  const filled = total === 0 ? BAR_CELLS : Math.floor((BAR_CELLS * (done + failed)) / total);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
  const settled = done + failed >= total;
  return [
    `${bar} ${formatCount(done)} of ${formatCount(total)}`,
    ...(rate > 0 ? [`${formatRate(rate)}/s`] : []),
    ...(left === undefined || settled ? [] : [`${formatSeconds(left)} left`]),
    ...(failed === 0 ? [] : [`${formatCount(failed)} failed`]),
    ...extra,
  ].join(' · ');
}

/** `4,000`, whatever the locale of the machine. */
export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

export function formatRate(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : formatCount(Math.round(rate));
}

/** `1m 20s` */
export function formatSeconds(seconds: number): string {
  return prettyMilliseconds(Math.round(seconds) * 1000);
}
