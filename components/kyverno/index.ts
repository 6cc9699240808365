/**
 * Kyverno from its own Helm chart: pods on kind, processes on embedded, with the same replicas and flags
 * (TOOLFORGE.md, section 3). This file is what `up`, `status` and the lab use of it.
 */
export { fingerprint, KYVERNO_NAMESPACE, type ChartSource } from './chart.ts';
export { kyvernoPlans, type KyvernoInput, type KyvernoPlans } from './install.ts';
export { applyObjects, waitUntilServed } from './objects.ts';
export { admissionStandsStill, resumeAdmission, startAdmission, stopAdmission } from './standstill.ts';
export { templateFile } from './policies/render.ts';
export { describeProblem, lint, type LintResult } from './lint/index.ts';
export { checkPolicyStep } from './lint/step.ts';
export { isPolicyRefusal } from './refusal.ts';
export { kyvernoStatus, type ControllerStatus, type KyvernoStatus } from './status.ts';
export { policiesTakenUp, SAMPLE, shareTakenUp, type TakenUp } from './taken-up.ts';
export { type KyvernoReplicas, type KyvernoSettings } from './values.ts';
export { describeBypassed, webhooksStatus, type WebhooksStatus, type WebhookStatus } from './webhooks.ts';
export { CONTROLLERS } from './workloads.ts';
