import { hash } from 'node:crypto';
import type { AccountPolicy } from '../../cluster/spec.ts';
import type { KubeObject } from '../../lib/kube/types.ts';

/** What a tool's policy is rendered with. */
export interface PolicySettings extends Readonly<AccountPolicy> {
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

/** Which tools take part in a change. */
export interface ToolSelection {
  /** 0 to 100: this share of all tools, the same ones each time, and those of a smaller share among them. */
  readonly percent: number;
  /** These as well, by name. */
  readonly tools: readonly string[];
}

/** Another policy for a part of the tools, while a change is rolled out. */
export interface RollOut extends ToolSelection {
  /** Absent: those tools get no policy. */
  readonly policy?: PolicySettings | undefined;
  readonly renderPolicy?: PolicyRenderer | undefined;
  /** In place of `Settings.podSecurityPolicy`, for all tools. */
  readonly podSecurityPolicy?: boolean | undefined;
}

/** Everything that decides what an account's resources look like. */
export interface Settings {
  /** Absent: tools get no policy. */
  readonly policy?: PolicySettings | undefined;
  readonly renderPolicy?: PolicyRenderer | undefined;
  readonly rollOut?: RollOut | undefined;
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

/** Whether tools have PodSecurityPolicies. */
export function hasPodSecurityPolicies({
  podSecurityPolicy,
  rollOut,
}: Pick<Settings, 'podSecurityPolicy' | 'rollOut'>): boolean {
  return rollOut?.podSecurityPolicy ?? podSecurityPolicy;
}

/** The policy of one tool: that of the roll-out which it takes part in, or everybody's. */
export function policyOf(
  tool: string,
  { policy, renderPolicy, rollOut }: Pick<Settings, 'policy' | 'renderPolicy' | 'rollOut'>,
): Pick<Settings, 'policy' | 'renderPolicy'> {
  return rollOut !== undefined && isSelected(tool, rollOut) ? rollOut : { policy, renderPolicy };
}

/** Whether a tool takes part. By the hash of its name: no order of names, in which families of tools stand together. */
export function isSelected(tool: string, { percent, tools }: ToolSelection): boolean {
  return placeOf(tool) < percent || tools.includes(tool);
}

/** A number in 0..100 for each name, evenly spread. */
function placeOf(tool: string): number {
  return (Number.parseInt(hash('sha256', tool).slice(0, 8), 16) / 2 ** 32) * 100;
}
