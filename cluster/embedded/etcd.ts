import { BULK_ETCD } from '../api-arguments.ts';
import { LOOPBACK } from '../keys.ts';
import type { PkiStore } from '../pki/store.ts';
import type { ClusterRecord } from '../record.ts';
import type { Service } from '../supervisor/service.ts';
import { layout, port } from './layout.ts';

export const ETCD_MEMBER = 'etcd-1';

/** The peer URL is part of the data that a restore writes: one place says it. */
export function peerUrl(record: ClusterRecord): string {
  return `https://${LOOPBACK}:${port(record, 'etcdPeer')}`;
}

export function clientUrl(record: ClusterRecord): string {
  return `https://${LOOPBACK}:${port(record, 'etcdClient')}`;
}

/** One etcd member, TLS and client certificates on both of its ports, arguments as kubeadm gives them. */
export function etcdService(
  program: string,
  record: ClusterRecord,
  directory: string,
  pki: PkiStore,
): Service {
  const server = pki.files('etcd-server');
  const peer = pki.files('etcd-peer');
  const ca = pki.files('etcd-ca').certificate;
  const flags = {
    name: ETCD_MEMBER,
    'data-dir': layout(directory).etcdData,
    'listen-client-urls': clientUrl(record),
    'advertise-client-urls': clientUrl(record),
    'listen-peer-urls': peerUrl(record),
    'initial-advertise-peer-urls': peerUrl(record),
    'initial-cluster': `${ETCD_MEMBER}=${peerUrl(record)}`,
    'cert-file': server.certificate,
    'key-file': server.key,
    'client-cert-auth': 'true',
    'trusted-ca-file': ca,
    'peer-cert-file': peer.certificate,
    'peer-key-file': peer.key,
    'peer-client-cert-auth': 'true',
    'peer-trusted-ca-file': ca,
    'snapshot-count': '10000',
    'watch-progress-notify-interval': '5s',
    'log-level': 'warn',
    ...BULK_ETCD,
  };
  return {
    name: ETCD_MEMBER,
    program,
    args: toArguments(flags),
    files: [server.certificate, peer.certificate, ca],
  };
}

/** `{ a: '1' }` as `--a=1`. */
export function toArguments(flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}
