import { execa } from 'execa';
import { readFileIfExists } from './files.ts';

/** Resident bytes of processes, by id; a process that is gone is not in the answer. */
export async function residentMemory(pids: readonly number[]): Promise<ReadonlyMap<number, number>> {
  if (pids.length === 0) return new Map();
  if (process.platform === 'linux') {
    const readings = await Promise.all(
      pids.map(async (pid): Promise<[number, number]> => {
        const status = await readFileIfExists(`/proc/${pid}/status`).catch(() => undefined); // ESRCH: just ended
        return [pid, Number(/^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')?.[1] ?? 0) * 1024];
      }),
    );
    return new Map(readings.filter(([, bytes]) => bytes > 0));
  }
  const { stdout } = await execa('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')], { reject: false });
  return new Map(
    stdout
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .map(([pid = 0, kibibytes = 0]): [number, number] => [pid, kibibytes * 1024])
      .filter(([, bytes]) => bytes > 0),
  );
}
