import prettyMilliseconds from 'pretty-ms';
import type { BulkMeter, BulkSnapshot } from './bulk.ts';
import type { Output } from './output.ts';

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

export interface BulkDisplay {
  readonly output: Output;
  /** For `--json`: which work it is. */
  readonly name: string;
  /** Shows a line in place of the last one. */
  update(text: string): void;
  /** What else is worth watching, as text and as data. */
  extra(): { readonly text: readonly string[]; readonly data: Readonly<Record<string, unknown>> };
}

const REDRAW_MS = 250;
/** Programs that read events are not hurried. */
const EVENT_MS = 1_000;

/** Shows a run as it goes: redrawn on a terminal, `progress` events with `--json`. Returns how to stop. */
export function showBulk(meter: BulkMeter, display: BulkDisplay): () => void {
  const { output, name } = display;
  const show = (): void => {
    const snapshot = meter.snapshot();
    const { text, data } = display.extra();
    if (output.json) output.event('progress', { name, ...snapshot, ...data });
    else display.update(formatBulk(snapshot, text));
  };
  show();
  const timer = setInterval(show, output.json ? EVENT_MS : REDRAW_MS);
  return () => {
    clearInterval(timer);
  };
}
