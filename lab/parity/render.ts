import { stringify } from 'yaml';
import type { ParityReport } from './report.ts';

/** The report for a person: what agreed, what differed and how often, and the smallest pods that differ. */
export function renderParity(report: ParityReport): string[] {
  const { policy, seed, seconds, reasons, explained, differences, smallest } = report;
  return [
    `${report.headline()} (policy ${policy}, seed ${seed}, ${seconds.toFixed(0)} s)`,
    ...table('Why PodSecurityPolicy refused (its first reason)', [...reasons]),
    ...table(
      'Explained differences (docs/psp-parity.md)',
      [...explained].map(([id, { count }]) => [id, count]),
    ),
    ...table(
      policy === 'psp'
        ? 'Differences that nothing explains'
        : 'Where production differs from PodSecurityPolicy',
      [...differences].map(([what, { count }]) => [what, count]),
    ),
    ...[...smallest].flatMap(([what, pod]) => [
      '',
      `The smallest pod found. ${what}`,
      stringify(pod).trimEnd(),
    ]),
  ];
}

function table(title: string, rows: readonly (readonly [what: string, count: number])[]): string[] {
  if (rows.length === 0) return [];
  const sorted = rows.toSorted(([, left], [, right]) => right - left);
  return ['', title, ...sorted.map(([what, count]) => `${String(count).padStart(7)}  ${what}`)];
}

/** The same for programs. */
export function parityEvent(report: ParityReport): Record<string, unknown> {
  const { policy, seed, seconds, pods, admitted, refused, unexplained } = report;
  const counts = (map: ParityReport['explained']): Record<string, unknown> =>
    Object.fromEntries([...map].map(([key, { count, example, name }]) => [key, { count, example, name }]));
  return {
    ...{ policy, seed, seconds, pods, admitted, refused, unexplained },
    reasons: Object.fromEntries(report.reasons),
    explained: counts(report.explained),
    differences: counts(report.differences),
    smallest: Object.fromEntries(report.smallest),
  };
}
