import { rm } from 'node:fs/promises';
import { z } from 'zod';
import type { Context } from '../../lib/context.ts';
import type { ClusterRecord } from '../record.ts';
import { restoredRevision } from '../restored-revision.ts';
import { ETCD_MEMBER, peerUrl } from './etcd.ts';

export interface RestoreEtcd {
  /** Path of the program. */
  readonly etcdutl: string;
  /** A saved database. */
  readonly file: string;
  /** Where etcd's data belongs. */
  readonly etcdData: string;
  /** Whether clients know the cluster, and revisions of its data, from before. */
  readonly known: boolean;
}

/** Makes a data directory of a saved database, beside where it belongs, and returns its path. */
export async function restoreEtcd(
  record: ClusterRecord,
  { etcdutl, file, etcdData, known }: RestoreEtcd,
  { runner, signal, clock }: Context,
): Promise<string> {
  const restored = `${etcdData}.restored`;
  await rm(restored, { recursive: true, force: true });
  const bump = known ? restoredRevision(clock) - (await revisionOf(file, etcdutl, { runner, signal })) : 0;
  await runner.run(
    etcdutl,
    [
      ...['snapshot', 'restore', file, '--data-dir', restored, '--name', ETCD_MEMBER],
      ...['--initial-cluster', `${ETCD_MEMBER}=${peerUrl(record)}`],
      ...['--initial-advertise-peer-urls', peerUrl(record)],
      ...(bump > 0 ? ['--bump-revision', String(bump), '--mark-compacted'] : []),
    ],
    { signal },
  );
  return restored;
}

async function revisionOf(
  file: string,
  etcdutl: string,
  { runner, signal }: Pick<Context, 'runner' | 'signal'>,
): Promise<number> {
  const { stdout } = await runner.run(etcdutl, ['snapshot', 'status', file, '--write-out', 'json'], {
    signal,
  });
  return z.object({ revision: z.number() }).parse(JSON.parse(stdout)).revision;
}
