import { PRODUCTION } from '../../cluster/production.ts';

/** How many of each of Kyverno's controllers. Production: 7, 2, 2, 2; lima-kilo: one of each. */
export interface KyvernoReplicas {
  readonly admission: number;
  readonly background?: number;
  readonly cleanup?: number;
  readonly reports?: number;
}

export interface KyvernoSettings {
  readonly replicas: KyvernoReplicas;
  /**
   * Production's requests and limits (TOOLFORGE.md, section 3). Without them, as in lima-kilo, a controller takes
   * what it needs, and its pods fit on a laptop.
   */
  readonly limits?: boolean;
}

interface Resources {
  readonly requests: { readonly cpu: string; readonly memory: string };
  readonly limits: { readonly cpu: string; readonly memory: string };
}

const PRODUCTION_RESOURCES = {
  admission: resources(['1000m', '2Gi'], ['1200m', '4Gi']),
  background: resources(['500m', '1Gi'], ['1', '2Gi']),
  cleanup: resources(['500m', '1Gi'], ['1', '2Gi']),
  reports: resources(['1000m', '1Gi'], ['1200m', '2Gi']),
};

/**
 * A pod that answers is found ready within a second: the chart asks every six, and for the readiness not before five have
 * passed. How long a start may take stays the same: two minutes.
 */
const PROMPT_PROBES = {
  startupProbe: { initialDelaySeconds: 0, periodSeconds: 1, failureThreshold: 120 },
  readinessProbe: { initialDelaySeconds: 0 },
};

/** Helm takes a chart's default away by a null; the chart limits memory to 128Mi or 384Mi. */
const NO_RESOURCES = { requests: { cpu: null, memory: null }, limits: { cpu: null, memory: null } };

const CLEANUP_JOBS = [
  'admissionReports',
  'clusterAdmissionReports',
  'updateRequests',
  'ephemeralReports',
  'clusterEphemeralReports',
];

/** The values for Kyverno's Helm chart. A pure function: the same settings give the same manifests. */
export function chartValues({
  replicas,
  limits = false,
}: KyvernoSettings): Readonly<Record<string, unknown>> {
  const resourcesOf = (controller: keyof typeof PRODUCTION_RESOURCES) =>
    limits ? PRODUCTION_RESOURCES[controller] : NO_RESOURCES;
  return {
    // Where its images are from, whatever a version's chart says: nodes have them under this name.
    global: { image: { registry: PRODUCTION.kyvernoRegistry } },
    admissionController: {
      replicas: replicas.admission,
      container: { resources: resourcesOf('admission') },
      ...PROMPT_PROBES,
      // Two RSA keys are a third of a second of work on the way to the first webhook; two for ECDSA are nothing.
      tlsKeyAlgorithm: 'ECDSA',
    },
    backgroundController: { replicas: replicas.background ?? 1, resources: resourcesOf('background') },
    cleanupController: {
      ...PROMPT_PROBES,
      replicas: replicas.cleanup ?? 1,
      resources: resourcesOf('cleanup'),
      tlsKeyAlgorithm: 'ECDSA',
    },
    reportsController: { replicas: replicas.reports ?? 1, resources: resourcesOf('reports') },
    // An upgrade's job; nothing here runs Helm's hooks, which walk all namespaces (1,800 s in production).
    crds: { migration: { enabled: false } },
    webhooksCleanup: { enabled: false },
    // CronJobs of Kyverno before 1.13: kubectl in an image, which nothing here runs.
    cleanupJobs: Object.fromEntries(CLEANUP_JOBS.map((name) => [name, { enabled: false }])),
  };
}

function resources(
  requests: [cpu: string, memory: string],
  limits: [cpu: string, memory: string],
): Resources {
  return {
    requests: { cpu: requests[0], memory: requests[1] },
    limits: { cpu: limits[0], memory: limits[1] },
  };
}
