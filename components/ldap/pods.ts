import { stringify } from 'yaml';
import { LOCAL_NAMES } from '../../cluster/keys.ts';
import type { Cluster } from '../../cluster/provider.ts';
import { ldapFiles, makePassword } from './files.ts';
import { ldapUrl } from './service.ts';
import { BASE_DN, READER_DN } from './tree.ts';

/** Valid for the address that pods reach it at, too. */
export async function issueCertificate(
  { pki }: Pick<Cluster, 'pki'>,
  podAddress: string | undefined,
): Promise<void> {
  if (podAddress === undefined) return; // the one that every cluster has is good
  const { dnsNames, ipAddresses } = LOCAL_NAMES;
  const names = { dnsNames, ipAddresses: [...ipAddresses, podAddress] };
  await pki.issue('ldap', 'ca', { commonName: 'ldap', usage: 'server', ...names });
}

/** Where a pod has the cluster's authority, which is LDAP's too. */
const CA_IN_PODS = '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt';

/** The two files that production's pods have. */
export async function tellPods(
  cluster: Pick<Cluster, 'hostPorts' | 'podHost'>,
  directory: string,
  podAddress: string,
): Promise<void> {
  const url = ldapUrl(cluster.hostPorts.ldap, podAddress);
  const { readerPassword } = ldapFiles(directory);
  const reader = { servers: [url], basedn: BASE_DN, user: READER_DN };
  const password = await makePassword(readerPassword);
  await cluster.podHost?.writeFile('ldap.yaml', stringify({ ...reader, password }));
  const lines = [`URI ${url}`, `BASE ${BASE_DN}`, `TLS_CACERT ${CA_IN_PODS}`, ''];
  await cluster.podHost?.writeFile('ldap.conf', lines.join('\n'));
}
