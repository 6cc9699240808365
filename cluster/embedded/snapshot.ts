import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInterface } from 'node:readline';
import { Client } from 'undici';
import { Failure } from '../../lib/errors.ts';
import type { Context } from '../../lib/context.ts';
import type { PkiStore } from '../pki/store.ts';
import type { ClusterRecord } from '../record.ts';
import { clientUrl, ETCD_MEMBER, peerUrl } from './etcd.ts';

/**
 * Saves etcd's database to a file while it runs, over etcd's own JSON gateway: the same stream that
 * `etcdctl snapshot save` reads, one JSON object a line with a piece of the file in base64. Its end is a checksum
 * that `etcdutl snapshot restore` verifies.
 */
export async function saveEtcd(
  record: ClusterRecord,
  pki: PkiStore,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const { certificate: ca } = await pki.require('etcd-ca');
  const { certificate, key } = await pki.require('apiserver-etcd-client');
  const etcd = new Client(clientUrl(record), { connect: { ca, cert: certificate, key } });
  const temporary = `${file}.tmp`;
  try {
    const response = await etcd.request({
      method: 'POST',
      path: '/v3/maintenance/snapshot',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      signal,
    });
    if (response.statusCode !== 200) {
      throw new Failure({
        kind: 'cluster',
        what: `etcd answered ${response.statusCode} when asked for a snapshot`,
        why: (await response.body.text()).slice(0, 300),
        hint: 'See `npm run logs etcd-1`.',
      });
    }
    await pipeline(Readable.from(pieces(response.body)), createWriteStream(temporary, { mode: 0o600 }));
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
    await etcd.close();
  }
}

async function* pieces(body: Readable): AsyncGenerator<Buffer> {
  for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
    if (line === '') continue;
    const message = JSON.parse(line) as { result?: { blob?: string }; error?: { message?: string } };
    if (message.error !== undefined)
      throw new Error(`etcd ended the snapshot: ${message.error.message ?? line}`);
    if (message.result?.blob !== undefined) yield Buffer.from(message.result.blob, 'base64');
  }
}

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
