import path from 'node:path';
import { homesVia } from '../../../components/maintain-kubeusers/homes/homes-via.ts';
import { perform } from '../../../components/maintain-kubeusers/homes/perform.ts';

/** Writes to homes on a full and on a read-only file system, and prints what came of it. Arguments: root, user id. */
const [root = '', uid = ''] = process.argv.slice(2);
const roots = { tool: root, admin: path.join(root, 'home') };
const homes = homesVia((operation) => perform(roots, operation));
const owner = (name: string) => ({ type: 'tool' as const, name, uid: Number(uid) });
const said: Record<string, string> = {};
const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
  said[what] = await work().then(
    () => 'done',
    (error: unknown) => String((error as { why?: string }).why ?? error),
  );
};
await attempt('small', () => homes.write(owner('full'), 'small', 'x', 0o600));
await attempt('large', () => homes.write(owner('full'), 'large', 'x'.repeat(200_000), 0o600));
await attempt('replaced', () => homes.write(owner('full'), 'small', 'y'.repeat(200_000), 0o600));
await attempt('kept', async () => {
  const content = Buffer.from((await homes.read(owner('full'), 'small', 10)) ?? []).toString();
  if (content !== 'x') throw new Error(`it holds ${content.length} bytes`);
});
await attempt('left over', async () => {
  const { readdir } = await import('node:fs/promises');
  const names = await readdir(path.join(root, 'full'));
  if (names.join() !== 'small') throw new Error(names.join());
});
await attempt('read-only', () => homes.write(owner('fixed'), 'file', 'x', 0o600));
await attempt('read-only directory', () => homes.makeDirectory(owner('fixed'), 'logs', 0o775));
process.stdout.write(`${JSON.stringify(said)}\n`);
