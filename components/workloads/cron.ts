/** The shorthands that Kubernetes knows too, but for `@every`: its times depend on when the job was made. */
const SHORTHANDS = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'];

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** What may be written for the numbers, in their order. */
  readonly names?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const FIELDS: readonly Field[] = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of the month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, names: MONTHS },
  // Kubernetes takes no 7 for Sunday.
  { name: 'day of the week', from: 0, to: 6, names: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
];

/** Why Kubernetes would not take a schedule; undefined when it would. */
export function cronProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) {
    return SHORTHANDS.includes(schedule)
      ? undefined
      : `must be one of ${SHORTHANDS.join(', ')}, or five fields`;
  }
  const parts = schedule.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return 'must have five fields: minute, hour, day of the month, month, day of the week';
  }
  const index = FIELDS.findIndex((field, place) => !isValid(parts[place] ?? '', field));
  const wrong = FIELDS[index];
  if (wrong === undefined) return undefined;
  return `has no ${wrong.name} (${wrong.from} to ${wrong.to}) in ${JSON.stringify(parts[index])}`;
}

function isValid(text: string, field: Field): boolean {
  return text.split(',').every((part) => isRange(part, field));
}

/** Anything, a number, or two with a dash; and each of these with a step. */
function isRange(text: string, field: Field): boolean {
  const [range = '', step, ...more] = text.split('/');
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) return false;
  if (range === '*' || range === '?') return true;
  const ends = range.split('-').map((end) => numberOf(end, field));
  if (ends.length > 2 || ends.includes(undefined)) return false;
  const [first = 0, last = first] = ends;
  return first <= last;
}

function numberOf(text: string, { from, to, names = [] }: Field): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  const number = named >= 0 ? named + from : /^\d+$/.test(text) ? Number(text) : NaN;
  return number >= from && number <= to ? number : undefined;
}
