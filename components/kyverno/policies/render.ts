import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import type { PolicyAction, PolicyProfile } from '../../../cluster/spec.ts';
import type { KubeObject } from '../../../lib/kube/types.ts';
import { fitTo } from './versions.ts';

/** What a template may name as `${…}`; the first three are those of production's template. */
export interface PolicyVariables {
  /** `tool-<tool>` */
  readonly namespace: string;
  /** The tool's uid, which is also its group's gid. */
  readonly uid: number;
  /** The tool's home: `/data/project/<tool>`. */
  readonly dataDirectory: string;
  /** What Kyverno does with a pod that breaks a rule: report it, or refuse it. */
  readonly action: PolicyAction;
  /** Whether existing pods are scanned too. Costs a great deal (see the template). */
  readonly background: boolean;
}

export interface PolicyRenderOptions {
  /** Leaves the annotation out that keeps Kyverno from deriving rules for Deployments, Jobs and so on. */
  readonly autogen?: boolean;
}

export interface Rule {
  readonly name: string;
  readonly match: { readonly any: readonly { readonly resources: { readonly kinds: readonly string[] } }[] };
  readonly mutate?: object;
  readonly validate?: object;
}

/** A Kyverno `Policy`, as far as this project looks into it. */
export interface AccountPolicy extends KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: {
    readonly rules: readonly Rule[];
    readonly [field: string]: unknown;
  };
}

/** Renders the account policy of one profile; made once, used for each account. */
export type PolicyTemplate = (variables: PolicyVariables, options?: PolicyRenderOptions) => AccountPolicy;

/** The annotation that the template carries to turn autogen off. */
export const AUTOGEN_ANNOTATION = 'pod-policies.kyverno.io/autogen-controllers';

/** A profile's template: the file of this folder with its name. */
export function templateFile(profile: PolicyProfile): string {
  return path.join(import.meta.dirname, `${profile}.yaml`);
}

/**
 * Reads a profile's template.
 * @param kyverno the version of Kyverno that the policies are for; absent: the newest
 * @param file another text of it
 */
export async function loadPolicyTemplate(
  profile: PolicyProfile,
  kyverno?: string,
  file = templateFile(profile),
): Promise<PolicyTemplate> {
  return policyTemplate(await readFile(file, 'utf8'), kyverno);
}

/** The template of a YAML text with variables. It is ours: an unknown variable in it is a bug, found here. */
export function policyTemplate(text: string, kyverno?: string): PolicyTemplate {
  const parsed = parse(text) as AccountPolicy;
  const template = kyverno === undefined ? parsed : fitTo(parsed, kyverno);
  return (variables, options = {}) => {
    const policy = substitute(template, variables) as AccountPolicy;
    return withoutBackgroundSubresources(options.autogen === true ? withAutogen(policy) : policy);
  };
}

const VARIABLE = /\$\{(\w+)\}/g;

/** Fills in variables: a string that is one variable becomes its value, with the value's type. */
function substitute(value: unknown, variables: PolicyVariables): unknown {
  if (typeof value === 'string') {
    if (!value.includes('${')) return value;
    const whole = /^\$\{(\w+)\}$/.exec(value);
    if (whole !== null) return lookUp(whole[1] ?? '', variables);
    return value.replace(VARIABLE, (_, name: string) => String(lookUp(name, variables)));
  }
  if (Array.isArray(value)) return value.map((element) => substitute(element, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, element]) => [key, substitute(element, variables)]),
  );
}

function lookUp(name: string, variables: PolicyVariables): string | number | boolean {
  const value = (variables as unknown as Partial<Record<string, string | number | boolean>>)[name];
  if (value === undefined) throw new Error(`the policy template names an unknown variable: ${name}`);
  return value;
}

/** Kyverno derives rules from rules about `Pod`, written just so, and where no annotation forbids it. */
function withAutogen(policy: AccountPolicy): AccountPolicy {
  const annotations = Object.entries(policy.metadata.annotations ?? {}).filter(
    ([key]) => key !== AUTOGEN_ANNOTATION,
  );
  return {
    ...policy,
    metadata: { ...policy.metadata, annotations: Object.fromEntries(annotations) },
    spec: { ...policy.spec, rules: policy.spec.rules.map(withPlainKinds) },
  };
}

function withPlainKinds(rule: Rule): Rule {
  const any = rule.match.any.map(({ resources }) => ({
    resources: { ...resources, kinds: resources.kinds.map((kind) => kind.replace(/^\*\//, '')) },
  }));
  return { ...rule, match: { any } };
}

/**
 * With `background: true` Kyverno refuses a policy that validates a subresource ("background scan enabled with
 * subresource"), since there is nothing to scan: such a policy does without.
 */
function withoutBackgroundSubresources(policy: AccountPolicy): AccountPolicy {
  if (policy.spec['background'] !== true) return policy;
  const rules = policy.spec.rules.map((rule) =>
    rule.validate === undefined ? rule : withoutSubresources(rule),
  );
  return { ...policy, spec: { ...policy.spec, rules } };
}

function withoutSubresources(rule: Rule): Rule {
  const any = rule.match.any.filter(
    ({ resources }) => !resources.kinds.some((kind) => SUBRESOURCE.test(kind)),
  );
  return { ...rule, match: { any } };
}

/** `Pod/ephemeralcontainers`, with or without a version before it. */
const SUBRESOURCE = /\/[a-z]+$/;
