import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInterface } from 'node:readline';
import { Client } from 'undici';
import { Failure } from '../lib/errors.ts';
import type { PkiStore } from './pki/store.ts';

/**
 * Saves etcd's database to a file while it runs, over etcd's own JSON gateway: the same stream that
 * `etcdctl snapshot save` reads, one JSON object a line with a piece of the file in base64. Its end is a checksum
 * that `etcdutl snapshot restore` verifies.
 * @param url of a member, for clients
 * @param client the name of a key pair that the member accepts
 */
export async function saveEtcd(
  url: string,
  client: string,
  pki: PkiStore,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const { certificate: ca } = await pki.require('etcd-ca');
  const { certificate, key } = await pki.require(client);
  const etcd = new Client(url, { connect: { ca, cert: certificate, key } });
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
