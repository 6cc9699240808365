import { PRODUCTION } from '../../cluster/production.ts';
import type { AccountPolicy, PolicyTemplate } from '../../components/kyverno/policies/render.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import { accounts, namespaceOf, type Account } from '../account-names.ts';
import { SEED_LABEL, type SeedPoliciesOptions } from './options.ts';

/** One account and where its policy belongs. Cheap: the objects themselves are made when they are needed. */
export interface Target {
  readonly account: Account;
  readonly namespace: string;
  readonly policy: string;
}

/** The policy's name in production; in one namespace each account's needs one of its own. */
export const POLICY_NAME = PRODUCTION.accountPolicyName;

/** The one namespace of --single-namespace. */
export function sharedNamespace(prefix: string): string {
  return `tool-${prefix}`;
}

/** The targets of a run, in the order of their numbers. */
export function* targets(options: SeedPoliciesOptions): Generator<Target> {
  for (const account of accounts(options.prefix, options.count)) {
    yield options.singleNamespace
      ? { account, namespace: sharedNamespace(options.prefix), policy: `${POLICY_NAME}-${account.name}` }
      : { account, namespace: namespaceOf(account), policy: POLICY_NAME };
  }
}

/** A tool's namespace, with the labels that maintain-kubeusers gives it (TOOLFORGE.md, section 5) and ours. */
export function desiredNamespace(target: Target, options: SeedPoliciesOptions): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name: target.namespace,
      labels: { name: target.namespace, tenancy: 'tool', [SEED_LABEL]: options.prefix },
    },
  };
}

export function desiredPolicy(
  target: Target,
  options: SeedPoliciesOptions,
  template: PolicyTemplate,
): AccountPolicy {
  const { account, namespace } = target;
  const policy = template(
    {
      namespace,
      uid: account.uid,
      dataDirectory: `/data/project/${account.name}`,
      action: options.action,
      background: options.background,
    },
    { autogen: options.autogen },
  );
  return {
    ...policy,
    metadata: { ...policy.metadata, name: target.policy, labels: { [SEED_LABEL]: options.prefix } },
  };
}
