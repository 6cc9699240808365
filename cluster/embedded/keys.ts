import { writeFileIfChanged } from '../../lib/files.ts';
import {
  apiUrl,
  credentialsOf,
  LOCAL_NAMES,
  LOOPBACK,
  makeCommonKeys,
  writeAdminKubeconfig,
} from '../keys.ts';
import { renderKubeconfig } from '../kubeconfig.ts';
import type { PkiStore } from '../pki/store.ts';
import type { ClusterRecord } from '../record.ts';
import { CONTROLLER_USERS, controllerKubeconfig } from './controllers.ts';

/** Names that the API servers' certificate is valid for, as kubeadm issues it; all addresses are loopback. */
const API_NAMES = {
  dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
  ipAddresses: [LOOPBACK, '10.96.0.1'],
};

/** Makes what is missing of the cluster's keys: those of every cluster, and those of its own processes. */
export async function makeKeys(pki: PkiStore): Promise<void> {
  await makeCommonKeys(pki);
  await Promise.all([
    pki.issue('apiserver', 'ca', { commonName: 'kube-apiserver', usage: 'server', ...API_NAMES }),
    pki.issue('controllers', 'ca', { commonName: 'controllers', usage: 'server', ...LOCAL_NAMES }),
    pki.issue('etcd-server', 'etcd-ca', { commonName: 'etcd', usage: 'both', ...LOCAL_NAMES }),
    pki.issue('etcd-peer', 'etcd-ca', { commonName: 'etcd', usage: 'both', ...LOCAL_NAMES }),
    pki.issue('apiserver-etcd-client', 'etcd-ca', {
      commonName: 'kube-apiserver-etcd-client',
      usage: 'client',
    }),
    pki.issue('front-proxy-client', 'front-proxy-ca', { commonName: 'front-proxy-client', usage: 'client' }),
  ]);
}

/** Writes the admin's kubeconfig and those of the controllers; all of them point at HAProxy. */
export async function writeKubeconfigs(
  record: ClusterRecord,
  directory: string,
  pki: PkiStore,
): Promise<void> {
  await writeAdminKubeconfig(record, directory, pki);
  const server = apiUrl(record);
  const cluster = record.spec.name;
  for (const [name, { user, groups }] of Object.entries(CONTROLLER_USERS)) {
    await pki.issue(name, 'ca', { commonName: user, organizations: groups, usage: 'client' });
    const text = renderKubeconfig(cluster, user, await credentialsOf(pki, name, server));
    await writeFileIfChanged(controllerKubeconfig(directory, name as keyof typeof CONTROLLER_USERS), text);
  }
}
