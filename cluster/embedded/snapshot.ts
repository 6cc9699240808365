import { rm } from 'node:fs/promises';
import type { Context } from '../../lib/context.ts';
import type { ClusterRecord } from '../record.ts';
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
  { runner, signal }: Context,
): Promise<string> {
  const restored = `${etcdData}.restored`;
  await rm(restored, { recursive: true, force: true });
  await runner.run(
    etcdutl,
    [
      ...['snapshot', 'restore', file, '--data-dir', restored, '--name', ETCD_MEMBER],
      ...['--initial-cluster', `${ETCD_MEMBER}=${peerUrl(record)}`],
      ...['--initial-advertise-peer-urls', peerUrl(record)],
      // Watchers that remember revisions of the old data must not take the restored ones for known.
      ...(known ? ['--bump-revision', '1000000000', '--mark-compacted'] : []),
    ],
    { signal },
  );
  return restored;
}
