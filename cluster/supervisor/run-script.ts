import type { Service } from './service.ts';

/** A word of a shell script, quoted whatever it contains. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The `run` script of a runit service: joins its cgroups, empties the environment, and becomes the program.
 * @param fingerprint of the service's configuration files: the script differs when they do
 */
export function runScript(service: Service, fingerprint: string): string {
  const environment = { PATH: '/usr/local/bin:/usr/bin:/bin', ...service.env };
  const assignments = Object.entries(environment).map(([name, value]) => shellQuote(`${name}=${value}`));
  const command = [service.program, ...service.args].map(shellQuote).join(' \\\n  ');
  return [
    '#!/bin/sh',
    `# ${service.name}; written by toolforge-local, configuration ${fingerprint}`,
    'exec 2>&1',
    ...(service.cgroups ?? []).map((file) => `echo $$ > ${shellQuote(file)} || exit 100`),
    ...(service.workingDirectory === undefined
      ? []
      : [`cd ${shellQuote(service.workingDirectory)} || exit 100`]),
    ...(service.openFiles === undefined ? [] : [`ulimit -S -n ${service.openFiles} || exit 100`]),
    ...(service.yields === true ? [YIELD_SESSION] : []),
    `exec ${service.yields === true ? 'nice -n 19 ' : ''}env -i ${assignments.join(' ')} \\\n  ${command}`,
    '',
  ].join('\n');
}

/**
 * Linux shares processors out between sessions before `nice` counts within one (sched_autogroup), and each service is
 * a session of its own. Where there is no such thing, `nice` alone does it.
 */
const YIELD_SESSION = '{ echo 19 > /proc/self/autogroup; } 2>/dev/null || true';

/** The `control/t` script: runsv runs it in place of sending SIGTERM. */
export function killScript(): string {
  return '#!/bin/sh\nkill -KILL "$(cat supervise/pid)"\n';
}

/** The `finish` script: notes that the process ended, with its exit code and signal. runsv restarts it after a second. */
export function finishScript(): string {
  return '#!/bin/sh\necho "$1 $2" >> deaths\n';
}

/** The `log/run` script. */
export function logScript(svlogd: string, libraryPath: string | undefined, directory: string): string {
  const library = libraryPath === undefined ? '' : `env LD_LIBRARY_PATH=${shellQuote(libraryPath)} `;
  return `#!/bin/sh\nexec ${library}${shellQuote(svlogd)} ${shellQuote(directory)}\n`;
}

/** svlogd's `config`: files of a million bytes, four old ones kept. A service can log 5 MB at the most. */
export const LOG_CONFIG = 's1000000\nn4\n';
