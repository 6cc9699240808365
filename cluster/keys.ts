import path from 'node:path';
import { writeFileIfChanged } from '../lib/files.ts';
import type { Credentials } from '../lib/kube/client.ts';
import { renderKubeconfig } from './kubeconfig.ts';
import type { PkiStore } from './pki/store.ts';
import type { ClusterRecord } from './record.ts';

/** Everything of ours listens here and nowhere else. */
export const LOOPBACK = '127.0.0.1';

/** What certificates of servers on this machine are valid for. */
export const LOCAL_NAMES = { dnsNames: ['localhost'], ipAddresses: [LOOPBACK] };

/**
 * Makes what is missing of the keys that every cluster has: three authorities, as kubeadm has them, and what the host
 * processes and the admin need of them.
 */
export async function makeCommonKeys(pki: PkiStore): Promise<void> {
  await pki.authority('ca');
  await pki.authority('etcd-ca');
  await pki.authority('front-proxy-ca');
  await pki.signingKey('service-accounts');
  await Promise.all([
    pki.issue('haproxy', 'ca', { commonName: 'haproxy', usage: 'server', ...LOCAL_NAMES }),
    pki.issue('ldap', 'ca', { commonName: 'ldap', usage: 'server', ...LOCAL_NAMES }),
    pki.issue('admin', 'ca', {
      commonName: 'kubernetes-admin',
      organizations: ['system:masters'],
      usage: 'client',
    }),
  ]);
}

/** Where clients reach the API: HAProxy's frontend. */
export function apiUrl(record: ClusterRecord): string {
  return `https://${LOOPBACK}:${record.spec.apiPort}`;
}

/** The credentials of a user whose certificate has been issued under that name. */
export async function credentialsOf(pki: PkiStore, name: string, server: string): Promise<Credentials> {
  const { certificate, key } = await pki.require(name);
  const { certificate: ca } = await pki.require('ca');
  return { server, ca, certificate, key };
}

/** Path of the admin's kubeconfig in the cluster's directory. */
export function adminKubeconfig(directory: string): string {
  return path.join(directory, 'kubeconfig');
}

/** The admin's kubeconfig; it points at HAProxy. */
export async function writeAdminKubeconfig(
  record: ClusterRecord,
  directory: string,
  pki: PkiStore,
): Promise<void> {
  const credentials = await credentialsOf(pki, 'admin', apiUrl(record));
  await writeFileIfChanged(
    adminKubeconfig(directory),
    renderKubeconfig(record.spec.name, 'admin', credentials),
  );
}
