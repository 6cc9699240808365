/**
 * Production's values that a cluster of ours repeats (TOOLFORGE.md, section 3: operations-puppet and
 * toolforge-deploy). `status` compares a running cluster with what is named here.
 */
export const PRODUCTION = {
  kubernetes: '1.32.11',
  kyverno: '1.16.4',
  controlPlanes: 3,
  /** Bytes; 8 GB before the outage of 2024. */
  controlPlaneMemory: 32 * 1024 ** 3,
  kyvernoReplicas: 7,
  healthCheck: 'healthz',
  apiPort: 6443,
  statsPort: 8404,
  /** The name of the one policy in each tool's namespace. */
  accountPolicyName: 'toolforge-kyverno-pod-policy',
  /** What every tool has since the migration of 2024. */
  accountPolicy: { profile: 'toolforge', action: 'Enforce' },
  podSubnet: '192.168.0.0/16',
  /** `<project>.local`, and the local project is called `local`. */
  localDnsDomain: 'local.local',
  admissionPlugins: ['EventRateLimit', 'NodeRestriction'],
  eventRateLimits: [
    { type: 'Namespace', qps: 20, burst: 100, cacheSize: 2000 },
    { type: 'Server', qps: 500, burst: 5000 },
  ],
  /** kubeadm's tls-cipher-suites: the six with ECDHE and AES-GCM or ChaCha20. */
  cipherSuites: [
    'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
    'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
    'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
  ],
  /** Of Kyverno's own images. */
  kyvernoRegistry: 'reg.kyverno.io',
  nodeLabels: { 'ingress-ready': 'true', 'kubernetes.wmcloud.org/nfs-mounted': 'true' },
} as const;
