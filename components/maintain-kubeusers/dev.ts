import type { Cluster } from '../../cluster/provider.ts';
import type { Context } from '../../lib/context.ts';
import { ENTRY_POINT, MEMORY } from './install.ts';
import { configurationFile, SERVICE_NAME } from './places.ts';

/**
 * Runs the loop in this terminal instead of as a service, and anew at each edit of a file that it is made of; the service
 * comes back at the end. A changed definition rolls through all accounts as soon as the new process leads: the old one
 * hands the lease back.
 */
export async function runWhileEdited(cluster: Cluster, context: Context): Promise<number> {
  const { supervisor, directory } = cluster;
  await supervisor.stop([SERVICE_NAME]);
  try {
    return await context.runner.attach(process.execPath, [
      ...MEMORY,
      '--watch',
      '--watch-preserve-output',
      ENTRY_POINT,
      ...['--config', configurationFile(directory)],
    ]);
  } finally {
    await supervisor.start([SERVICE_NAME]);
    context.output.note('The service runs again.');
  }
}
