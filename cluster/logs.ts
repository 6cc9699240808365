import path from 'node:path';
import type { Context } from '../lib/context.ts';
import { Failure } from '../lib/errors.ts';
import { loadCluster } from './open.ts';

export interface LogOptions {
  /** The exact name of a service, or its beginning where that is unambiguous. Absent: names all. */
  readonly component: string | undefined;
  readonly follow: boolean;
  readonly lines: number;
}

/** Prints the end of a component's log, and with `follow` what is added until Ctrl-C. Works on a stopped cluster too. */
export async function showLogs(name: string, options: LogOptions, context: Context): Promise<void> {
  const cluster = await loadCluster(name, context);
  const others = (await cluster.logs?.()) ?? [];
  const names = [...(await cluster.supervisor.names()), ...others.map((source) => source.name)];
  const { component, follow, lines } = options;
  if (component === undefined) {
    for (const service of names) context.output.print(service);
    context.output.event('components', { names });
    return;
  }
  const chosen = match(component, names);
  const other = others.find((source) => source.name === chosen);
  if (other !== undefined) {
    const { program, args } = other.command(lines, follow);
    process.exitCode = await context.runner.attach(program, args);
    return;
  }
  const file = path.join(cluster.directory, 'logs', chosen, 'current');
  // `tail -F` knows rotation: svlogd renames a full file and begins a new one.
  const args = ['-n', String(lines), ...(follow ? ['-F'] : []), file];
  process.exitCode = await context.runner.attach('tail', args);
}

function match(component: string, names: readonly string[]): string {
  const exact = names.find((name) => name === component);
  const [first, ...others] = names.filter((name) => name.startsWith(component));
  if (exact !== undefined) return exact;
  if (first !== undefined && others.length === 0) return first;
  throw new Failure({
    kind: 'usage',
    what:
      first === undefined ? `There is no component ${component}` : `${component} may be several components`,
    why: `components: ${(first === undefined ? names : [first, ...others]).join(', ')}`,
    hint: 'Name one of them.',
  });
}
