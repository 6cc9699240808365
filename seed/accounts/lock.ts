import { connectWriter, setLocked } from '../../components/ldap/index.ts';
import type { Context } from '../../lib/context.ts';

/** Disables a tool or enables it again, and says what came of it. @param directory LDAP's own directory */
export async function lockTool(
  directory: string,
  tool: string,
  locked: boolean,
  { output, clock, signal }: Context,
): Promise<void> {
  const client = await connectWriter(directory, { signal });
  try {
    const changed = await setLocked(client, tool, locked, clock.now());
    output.event('account', { tool, locked, changed });
    output.print(`${tool} is ${changed ? 'now' : 'already'} ${locked ? 'locked' : 'unlocked'}`);
  } finally {
    await client.close();
  }
}
