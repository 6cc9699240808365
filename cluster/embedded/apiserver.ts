import path from 'node:path';
import { admissionFiles } from '../api-arguments.ts';
import { LOOPBACK } from '../keys.ts';
import type { PkiStore } from '../pki/store.ts';
import type { Profile } from '../profile.ts';
import { PRODUCTION } from '../production.ts';
import type { ClusterRecord } from '../record.ts';
import type { Service } from '../supervisor/service.ts';
import { clientUrl, toArguments } from './etcd.ts';
import { layout, port } from './layout.ts';

/** The admission configuration files that the API servers read; content by path. */
export function apiserverFiles(directory: string): ReadonlyMap<string, string> {
  const { config } = layout(directory);
  return new Map(
    Object.entries(admissionFiles(config)).map(([name, content]) => [path.join(config, name), content]),
  );
}

/** One API server for each control plane, with production's arguments; what differs says why. */
export function apiserverServices(
  program: string,
  record: ClusterRecord,
  profile: Profile,
  directory: string,
  pki: PkiStore,
  cgroups: (machine: number) => readonly string[],
): Service[] {
  const serving = pki.files('apiserver');
  const etcd = pki.files('apiserver-etcd-client');
  const proxy = pki.files('front-proxy-client');
  const signing = pki.files('service-accounts');
  const ca = pki.files('ca').certificate;
  const plugins = [
    ...PRODUCTION.admissionPlugins,
    ...(profile.podSecurityPolicy ? ['PodSecurityPolicy'] : []),
  ];
  const flags = {
    'etcd-servers': clientUrl(record),
    'etcd-cafile': pki.files('etcd-ca').certificate,
    'etcd-certfile': etcd.certificate,
    'etcd-keyfile': etcd.key,
    'client-ca-file': ca,
    'tls-cert-file': serving.certificate,
    'tls-private-key-file': serving.key,
    'tls-cipher-suites': PRODUCTION.cipherSuites.join(','),
    'service-account-key-file': signing.certificate,
    'service-account-signing-key-file': signing.key,
    'service-account-issuer': `https://kubernetes.default.svc.${PRODUCTION.localDnsDomain}`,
    'service-cluster-ip-range': '10.96.0.0/12',
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': plugins.join(','),
    'admission-control-config-file': path.join(layout(directory).config, 'admission.yaml'),
    'requestheader-client-ca-file': pki.files('front-proxy-ca').certificate,
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'proxy-client-cert-file': proxy.certificate,
    'proxy-client-key-file': proxy.key,
    'allow-privileged': 'true',
    profiling: 'false',
    // Loopback only; production's listen on the node's address. No Endpoints of `kubernetes` to keep: HAProxy is it.
    'bind-address': LOOPBACK,
    'advertise-address': LOOPBACK,
    'endpoint-reconciler-type': 'none',
  };
  return Array.from({ length: record.spec.controlPlanes }, (_, index) => ({
    name: `kube-apiserver-${index + 1}`,
    program,
    args: [...toArguments(flags), `--secure-port=${port(record, 'apiserver', index)}`],
    files: [...apiserverFiles(directory).keys(), serving.certificate, etcd.certificate, ca],
    cgroups: cgroups(index + 1),
  }));
}
