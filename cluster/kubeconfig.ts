import { stringify } from 'yaml';
import type { Credentials } from '../lib/kube/client.ts';

/** A kubeconfig with one cluster, one user and one context, certificates inside. */
export function renderKubeconfig(cluster: string, user: string, credentials: Credentials): string {
  const { server, ca, certificate, key } = credentials;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster,
    clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(ca) } }],
    users: [
      {
        name: user,
        user: { 'client-certificate-data': base64(certificate ?? ''), 'client-key-data': base64(key ?? '') },
      },
    ],
    contexts: [{ name: cluster, context: { cluster, user } }],
  });
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
