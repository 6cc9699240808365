import { formatRate } from '../../lib/bulk-progress.ts';
import { columns } from '../../lib/columns.ts';
import { formatBytes } from '../../lib/sizes.ts';
import type { Result, Unit } from './measurement.ts';

/** The results as lines for people: ours, what it is measured against, the ratio. */
export function renderResults(results: readonly Result[]): string[] {
  const rows = results.map((result) => {
    if ('skipped' in result) return [result.what, 'not measured', result.skipped, ''] as const;
    const { what, value, unit, note, against } = result;
    return [
      what,
      `${formatValue(value, unit)}${note === undefined ? '' : ` (${note})`}`,
      against === undefined
        ? ''
        : `${against.what}: ${formatValue(against.value, unit)}${against.note === undefined ? '' : ` (${against.note})`}`,
      against === undefined ? '' : `${formatRatio(against.ratio)} ×`,
    ] as const;
  });
  return columns(rows);
}

function formatValue(value: number, unit: Unit): string {
  switch (unit) {
    case 'seconds':
      return value < 0.1 ? `${(value * 1000).toFixed(1)} ms` : `${value.toFixed(1)} s`;
    case 'a second':
      return `${formatRate(value)}/s`;
    case 'requests':
      return `${value.toFixed(1)} requests`;
    case 'bytes':
      return formatBytes(value);
  }
}

function formatRatio(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2);
}
