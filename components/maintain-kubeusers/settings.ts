import type { PolicyAction, PolicyProfile } from '../../cluster/spec.ts';
import type { KubeObject } from '../../lib/kube/types.ts';

/** What a tool's policy is rendered with. */
export interface PolicySettings {
  readonly profile: PolicyProfile;
  readonly action: PolicyAction;
  /** The version of Kyverno that it is for; absent: the newest. */
  readonly kyverno?: string | undefined;
}

/** The values of the policy template's variables for one tool. */
export interface PolicyTool {
  readonly name: string;
  readonly namespace: string;
  readonly uid: number;
  /** The tool data directory as pods see it: `/data/project/<tool>`. */
  readonly home: string;
}

/** The account policy template (components/kyverno/policies); whoever starts the loop passes it in. */
export type PolicyRenderer = (tool: PolicyTool, settings: PolicySettings) => KubeObject;

/** More than the standard quota for one tool, as production grants on request (TOOLFORGE.md 5). */
export interface QuotaOverride {
  /** Counted up with each change, for people; the values are what takes effect. */
  readonly version: number;
  readonly cpu?: string | undefined;
  readonly memory?: string | undefined;
  readonly pods?: number | undefined;
  readonly jobs?: number | undefined;
  readonly cronjobs?: number | undefined;
  readonly pod_cpu?: string | undefined;
  readonly pod_memory?: string | undefined;
}

export type KeyAlgorithm = 'P-256' | 'RSA-4096';

/** Everything that decides what an account's resources look like. */
export interface Settings {
  /** Absent: tools get no policy. */
  readonly policy?: PolicySettings | undefined;
  readonly renderPolicy?: PolicyRenderer | undefined;
  /** The world before Kubernetes 1.25: a PodSecurityPolicy for each tool. */
  readonly podSecurityPolicy: boolean;
  readonly keyAlgorithm: KeyAlgorithm;
  /** How long certificates are asked to live; absent: as long as the signer gives by itself. */
  readonly certificateSeconds?: number | undefined;
  readonly quotaOverrides: Readonly<Record<string, QuotaOverride>>;
  /** What tools' kubeconfigs say of the cluster. `ca` is PEM. */
  readonly cluster: { readonly server: string; readonly ca: string };
  /**
   * Goes into each recorded hash: a tool may write to the ConfigMap that holds its state, and must not be able to claim
   * a definition that was never applied.
   */
  readonly stateKey: string;
}
