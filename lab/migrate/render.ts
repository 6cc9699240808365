import type { Output } from '../../lib/output.ts';
import { columns } from '../../lib/columns.ts';
import { cellsOf } from './offenders.ts';
import type { MigrationStatus } from './run.ts';

const SHOWN = 40;
const MARKS = { done: '✓', next: '→', later: ' ' } as const;

/** The status for people. */
export function renderStatus(
  { stages, rollOut, pods, unjudged, offenders }: MigrationStatus,
  output: Pick<Output, 'style'>,
): string[] {
  const lines = stages.map(({ number, title, state }) => {
    const text = `${MARKS[state]} ${number}. ${title}`;
    return state === 'next'
      ? output.style('bold', text)
      : state === 'later'
        ? output.style('dim', text)
        : text;
  });
  if (rollOut !== undefined) {
    const named = rollOut.tools.length === 0 ? '' : ` and ${rollOut.tools.join(', ')}`;
    lines.push(
      '',
      `Rolled out to ${rollOut.percent} % of the tools${named}: ${rollOut.action ?? 'no policy'}`,
    );
  }
  const waiting = unjudged === 0 ? '' : `, ${unjudged} of them without a report of Kyverno`;
  lines.push('', `${pods} pods of tools${waiting}`);
  if (offenders.length > 0) {
    const rows = offenders.slice(0, SHOWN).map(cellsOf);
    lines.push(...columns([['TOOL', 'WORKLOAD', 'FIELD', 'VALUE', 'FIX'], ...rows]));
    if (offenders.length > SHOWN) lines.push(`… and ${offenders.length - SHOWN} more; --json has them all`);
  }
  return lines;
}
