import { makeCommonKeys } from '../keys.ts';
import type { PkiStore } from '../pki/store.ts';

/** The authorities, which kubeadm takes over in the nodes, and what host processes and the admin need of them. */
export async function makeKeys(pki: PkiStore): Promise<void> {
  await makeCommonKeys(pki);
  await pki.issue('etcd-client', 'etcd-ca', { commonName: 'toolforge-local', usage: 'client' });
}
