import path from 'node:path';
import { stringify } from 'yaml';
import { PRODUCTION } from './production.ts';

/**
 * The admission configuration files of API servers, content by name.
 * @param directory where the API servers find them
 */
export function admissionFiles(directory: string): Readonly<Record<string, string>> {
  return {
    'admission.yaml': stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AdmissionConfiguration',
      plugins: [{ name: 'EventRateLimit', path: path.posix.join(directory, 'event-rate-limit.yaml') }],
    }),
    'event-rate-limit.yaml': stringify({
      apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1',
      kind: 'Configuration',
      limits: PRODUCTION.eventRateLimits,
    }),
  };
}

/** Of the controller manager. Not production's: thousands of namespaces come and go here in minutes, there in years. */
export const BULK_CONTROLLERS = {
  'kube-api-qps': '2000',
  'kube-api-burst': '4000',
  'concurrent-namespace-syncs': '100',
  'concurrent-serviceaccount-token-syncs': '20',
  'concurrent-resource-quota-syncs': '20',
} as const;

/** Of etcd. Thousands of accounts and a bench that deletes them stay clear of the default of 2 GiB. */
export const BULK_ETCD = { 'quota-backend-bytes': String(8 * 1024 ** 3) } as const;
