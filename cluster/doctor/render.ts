import prettyMilliseconds from 'pretty-ms';
import type { Output } from '../../lib/output.ts';
import { formatBytes } from '../../lib/sizes.ts';
import type { Check, Diagnosis } from '../doctor.ts';
import type { ModuleState, SetState } from './programs.ts';

const TITLE_WIDTH = 20;

/** The diagnosis as one screen of lines. */
export function renderDiagnosis(diagnosis: Diagnosis, output: Output): string[] {
  const { checks, modules, hostPrograms, toBuild, caches } = diagnosis;
  return [
    output.style('bold', 'This machine'),
    ...checks.flatMap((check) => checkLines(check, output)),
    '',
    output.style('bold', `Programs in ${caches.directory}`),
    ...modules.map((module) => moduleLine(module, output)),
    ...hostPrograms.map((set) => setLine(set, output)),
    ...cacheLines(caches),
    '',
    toBuild.seconds === 0
      ? `\`npm run up\` has nothing to build (profile ${diagnosis.profile}).`
      : `The first \`npm run up\` builds for ${duration(toBuild.seconds)} (profile ${diagnosis.profile}; measured on 2 cores), and takes ${formatBytes(toBuild.bytes + toBuild.temporaryBytes)} of disk.`,
  ];
}

/** What only builds need, where there is any of it. */
function cacheLines({ goBuild, goModules }: Diagnosis['caches']): string[] {
  if (goBuild === 0 && goModules === 0) return [];
  const size = (bytes: number | null): string =>
    bytes === null ? 'many files, not counted' : formatBytes(bytes);
  const says = `sources: ${size(goModules)}, compiled packages: ${size(goBuild)}`;
  return [line(' ', 'only for builds', `${says}; \`npm run doctor -- --prune\` removes them`)];
}

function checkLines({ title, status, says, hint }: Check, output: Output): string[] {
  const first = line(mark(status, output), title, says);
  if (hint === undefined || status === 'ok') return [first];
  return [
    first,
    ...hint.split('\n').map((text) => `    ${' '.repeat(TITLE_WIDTH)} ${output.style('dim', text)}`),
  ];
}

function mark(status: Check['status'], output: Output): string {
  switch (status) {
    case 'ok':
      return output.style('green', '✓');
    case 'note':
      return output.style('yellow', '!');
    case 'missing':
      return output.style('red', '✗');
  }
}

function moduleLine({ title, cached, toBuild, size, age, cost }: ModuleState, output: Output): string {
  const have =
    age === undefined
      ? ''
      : `${cached.length} ${cached.length === 1 ? 'program' : 'programs'}, ${formatBytes(size)}, ${duration(age)} old`;
  const build =
    toBuild.length === 0
      ? ''
      : `to build: ${toBuild.join(', ')} (${cost === undefined ? 'cost unknown' : duration(cost.seconds)})`;
  const says = [have, build].filter((part) => part !== '').join('; ');
  if (says === '') return line('·', title, 'not built, not needed by this profile');
  return line(toBuild.length === 0 ? output.style('green', '✓') : output.style('yellow', '+'), title, says);
}

function setLine({ set, source, version }: SetState, output: Output): string {
  const title = version === undefined ? set : `${set} ${version}`;
  switch (source) {
    case 'unpacked':
      return line(output.style('green', '✓'), title, 'unpacked');
    case 'installed':
      return line(output.style('green', '✓'), title, 'installed on this machine');
    case 'to download':
      return line(output.style('yellow', '+'), title, 'to download with apt, in seconds');
    case 'missing':
      return line(output.style('red', '✗'), title, 'missing');
  }
}

function line(sign: string, title: string, says: string): string {
  return `  ${sign} ${title.padEnd(TITLE_WIDTH)} ${says}`;
}

/** One unit is enough: `5 minutes`, `3 days`. */
function duration(seconds: number): string {
  return prettyMilliseconds(Math.max(1, Math.round(seconds)) * 1000, { compact: true, verbose: true });
}
