import { writeFileIfChanged } from '../../lib/files.ts';
import type { Credentials } from '../../lib/kube/client.ts';
import { renderKubeconfig } from '../kubeconfig.ts';
import type { PkiStore } from '../pki/store.ts';
import type { ClusterRecord } from '../record.ts';
import { CONTROLLER_USERS, controllerKubeconfig } from './controllers.ts';
import { layout, LOOPBACK } from './layout.ts';

/** Names that the API servers' certificate is valid for, as kubeadm issues it; all addresses are loopback. */
const API_NAMES = {
  dnsNames: ['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
  ipAddresses: [LOOPBACK, '10.96.0.1'],
};
const LOCAL_NAMES = { dnsNames: ['localhost'], ipAddresses: [LOOPBACK] };

/** Makes what is missing of the cluster's keys: three authorities, as kubeadm has them, and what they sign. */
export async function makeKeys(pki: PkiStore): Promise<void> {
  await pki.authority('ca');
  await pki.authority('etcd-ca');
  await pki.authority('front-proxy-ca');
  await pki.signingKey('service-accounts');
  await Promise.all([
    pki.issue('apiserver', 'ca', { commonName: 'kube-apiserver', usage: 'server', ...API_NAMES }),
    pki.issue('controllers', 'ca', { commonName: 'controllers', usage: 'server', ...LOCAL_NAMES }),
    pki.issue('haproxy', 'ca', { commonName: 'haproxy', usage: 'server', ...LOCAL_NAMES }),
    pki.issue('ldap', 'ca', { commonName: 'ldap', usage: 'server', ...LOCAL_NAMES }),
    pki.issue('etcd-server', 'etcd-ca', { commonName: 'etcd', usage: 'both', ...LOCAL_NAMES }),
    pki.issue('etcd-peer', 'etcd-ca', { commonName: 'etcd', usage: 'both', ...LOCAL_NAMES }),
    pki.issue('apiserver-etcd-client', 'etcd-ca', {
      commonName: 'kube-apiserver-etcd-client',
      usage: 'client',
    }),
    pki.issue('front-proxy-client', 'front-proxy-ca', { commonName: 'front-proxy-client', usage: 'client' }),
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

/** Writes the admin's kubeconfig and those of the controllers; all of them point at HAProxy. */
export async function writeKubeconfigs(
  record: ClusterRecord,
  directory: string,
  pki: PkiStore,
): Promise<void> {
  const server = apiUrl(record);
  const cluster = record.spec.name;
  const admin = renderKubeconfig(cluster, 'admin', await credentialsOf(pki, 'admin', server));
  await writeFileIfChanged(layout(directory).adminKubeconfig, admin);
  for (const [name, { user, groups }] of Object.entries(CONTROLLER_USERS)) {
    await pki.issue(name, 'ca', { commonName: user, organizations: groups, usage: 'client' });
    const text = renderKubeconfig(cluster, user, await credentialsOf(pki, name, server));
    await writeFileIfChanged(controllerKubeconfig(directory, name as keyof typeof CONTROLLER_USERS), text);
  }
}
