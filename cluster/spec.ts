import { z } from 'zod';

/** Where `status` looks for differences, and what `up` refuses to change on a running cluster. */
export type HealthCheck = 'healthz' | 'tcp';

/** Production's number with `--ha`; kind and lima-kilo default to one. */
export const HA_CONTROL_PLANES = 3;

/** The admission replicas that the port block has room for; production runs 7. */
export const MAX_KYVERNO_REPLICAS = 10;

/** The name of a cluster when none is given; lima-kilo's is the same. */
export const DEFAULT_NAME = 'toolforge';

/** The templates of the account policy, files of components/kyverno/policies: as PodSecurityPolicy was, as production is. */
export const POLICY_PROFILES = ['psp', 'toolforge'] as const;
export type PolicyProfile = (typeof POLICY_PROFILES)[number];

/** What Kyverno does with a pod that breaks a rule: report it, or refuse it. */
export const POLICY_ACTIONS = ['Audit', 'Enforce'] as const;
export type PolicyAction = (typeof POLICY_ACTIONS)[number];

/** What a policy is made from. */
export const policyTemplate = z.object({
  profile: z.enum(POLICY_PROFILES),
  /** Another text of the template: the path of a copy in the cluster's directory. */
  file: z.string().optional(),
});

/** A Kyverno policy that each tool has. */
export const accountPolicy = z.strictObject({
  ...policyTemplate.shape,
  action: z.enum(POLICY_ACTIONS),
  /** Whether Kyverno also reports on pods that were there before the policy. */
  background: z.boolean().optional(),
});

/** The policy of all tools; `none` is the world before the migration of 2024. */
export const accountPolicyChoice = z.union([z.literal('none'), accountPolicy]);
export type AccountPolicy = z.infer<typeof accountPolicy>;
export type AccountPolicyChoice = z.infer<typeof accountPolicyChoice>;

/** A cluster's name becomes a directory, a cgroup and a kubeconfig context. */
export const clusterName = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/,
    'must be lower-case letters, digits and dashes, at most 32 characters',
  );

/** Which of them there are is the toolchain's to say. */
export const kyvernoVersion = z.string().regex(/^\d+\.\d+\.\d+$/, 'must be a version such as 1.18.2');

/** What a cluster is asked to be: the flags of `up`, resolved. Kept in the cluster's record. */
export const clusterSpec = z.object({
  name: clusterName,
  provider: z.enum(['embedded', 'kind']),
  /** A file of cluster/profiles, without its ending. */
  profile: z.string(),
  controlPlanes: z.number().int().min(1).max(HA_CONTROL_PLANES),
  healthCheck: z.enum(['healthz', 'tcp']),
  /** Bytes for each control-plane machine; absent: no limit. */
  controlPlaneMemory: z.number().int().positive().optional(),
  kyvernoReplicas: z.number().int().min(1).max(MAX_KYVERNO_REPLICAS),
  /** Absent: the profile's. Another one is an upgrade, or the way back. */
  kyverno: kyvernoVersion.optional(),
  /** Whether Kyverno's pods have production's requests and limits; absent: none, as in lima-kilo. */
  kyvernoLimits: z.boolean().optional(),
  /** Absent: the profile's. */
  accountPolicy: accountPolicyChoice.optional(),
  /** Whether the API servers load the PodSecurityPolicy plugin. Absent: as the profile says; the migration's end is false. */
  podSecurityPolicy: z.boolean().optional(),
  /** HAProxy's frontend for the API; production's is 6443. */
  apiPort: z.number().int().min(1024).max(65535),
  /** HAProxy's statistics; production's is 8404. */
  statsPort: z.number().int().min(1024).max(65535),
});

export type ClusterSpec = z.infer<typeof clusterSpec>;
