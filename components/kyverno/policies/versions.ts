import { isAtLeast } from '../../../lib/versions.ts';
import type { AccountPolicy, Rule } from './render.ts';

/**
 * The policy as one version of Kyverno takes it. Server-side apply refuses fields that a version's CRD does not have.
 * @param kyverno its version: `1.12.5`
 */
export function fitTo(policy: AccountPolicy, kyverno: string): AccountPolicy {
  if (isAtLeast(kyverno, '1.13')) return policy;
  return { ...policy, spec: { ...policy.spec, rules: policy.spec.rules.map(withoutExistingViolations) } };
}

/**
 * Kyverno has `allowExistingViolations` since 1.13. Before that a `deny` is never compared with the object as it was, and
 * a pattern always is: the templates deny what must not be added to an older pod.
 */
function withoutExistingViolations(rule: Rule): Rule {
  if (rule.validate === undefined) return rule;
  const fields = Object.entries(rule.validate).filter(([key]) => key !== 'allowExistingViolations');
  return { ...rule, validate: Object.fromEntries(fields) };
}
