/** What `sv status` says of one service. */
export interface SvLine {
  readonly name: string;
  /** Whether a runsv process looks after the service. */
  readonly supervised: boolean;
  readonly pid?: number;
  readonly seconds: number;
  /** Down, but about to be started again. */
  readonly wantsUp?: true;
  /** Told to end, and still there. */
  readonly ending?: true;
}

/**
 * Reads `sv status`, one line a service: `run: DIR: (pid 12) 3s; run: log: …`, `down: DIR: 3s, normally up; …`,
 * `finish: DIR: (pid 12) 0s, …`, `warning: DIR: unable to open supervise/ok: …`, `fail: DIR: …`.
 */
export function parseStatus(output: string): SvLine[] {
  return output
    .split('\n')
    .map((line) => /^(run|down|finish|warning|fail): (.*?): (.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, state = '', directory = '', rest = '']) => {
      const [own = ''] = rest.split('; ');
      const pid = /\(pid (\d+)\)/.exec(own)?.[1];
      return {
        name: directory.split('/').at(-1) ?? directory,
        supervised: state === 'run' || state === 'down' || state === 'finish',
        ...(state === 'run' && pid !== undefined ? { pid: Number(pid) } : {}),
        seconds: Number(/(\d+)s\b/.exec(own)?.[1] ?? 0),
        ...(state === 'down' && own.endsWith(', want up') ? { wantsUp: true } : {}),
        ...(state !== 'down' && /, (want down|got TERM)\b/.test(own) ? { ending: true } : {}),
      };
    });
}
