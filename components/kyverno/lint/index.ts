/** Checks a template of the account policy before it is applied to thousands of accounts. */
import { readFile } from 'node:fs/promises';
import type { Cluster } from '../../../cluster/provider.ts';
import type { PolicyProfile } from '../../../cluster/spec.ts';
import { withClient } from '../../../cluster/with-client.ts';
import type { Context } from '../../../lib/context.ts';
import { Failure, messageOf } from '../../../lib/errors.ts';
import type { Progress } from '../../../lib/steps.ts';
import { loadPolicyTemplate, policyTemplate, type AccountPolicy } from '../policies/render.ts';
import { lintPolicy, type Problem } from './lint.ts';
import { probesOf } from './probes.ts';
import { readSchemas } from './schema.ts';
import { TRIAL_NAMESPACE, tryPolicy, type FailedProbe } from './trial.ts';

export { describeProblem, lintPolicy, type Problem } from './lint.ts';
export { probesOf, type Probe } from './probes.ts';
export { readSchemas, type ApiSchemas } from './schema.ts';
export { tryPolicy, type FailedProbe } from './trial.ts';

export interface LintRequest {
  /** The template, and what its rules are for. */
  readonly policy: PolicyProfile;
  /** Another text of the template. */
  readonly file?: string | undefined;
}

export interface LintResult {
  /** `v1.24.17` */
  readonly kubernetes: string;
  readonly problems: readonly Problem[];
  /** Absent: with problems, it was not tried. */
  readonly trial?: { readonly pairs: number; readonly failed: readonly FailedProbe[] };
}

/** A uid that no tool has. */
const UID = 59_999;

/**
 * Checks every literal of a template against the cluster's own API; if nothing is wrong with them, puts the policy in
 * force in a namespace of its own and tries a pair of pods for each rule.
 * @throws Failure `usage` when the file is no template
 */
export async function lint(
  request: LintRequest,
  cluster: Cluster,
  context: Context,
  progress: Progress,
): Promise<LintResult> {
  const policy = await samplePolicy(request, cluster.profile.kyverno);
  return withClient(cluster, async (client) => {
    const api = await readSchemas(client);
    const problems = lintPolicy(policy, api);
    if (problems.length > 0) return { kubernetes: api.version, problems };
    const minor = Number(/^v1\.(\d+)/.exec(api.version)?.[1] ?? 0);
    const probes = probesOf(request.policy, UID).filter(({ fromKubernetes = 0 }) => minor >= fromKubernetes);
    const failed = await tryPolicy(client, policy, probes, context, progress);
    return { kubernetes: api.version, problems, trial: { pairs: probes.length, failed } };
  });
}

/** The template as a tool's policy, enforced, in the namespace where it is tried. */
export async function samplePolicy({ policy, file }: LintRequest, kyverno: string): Promise<AccountPolicy> {
  const variables = {
    namespace: TRIAL_NAMESPACE,
    uid: UID,
    dataDirectory: '/data/project/trial',
    action: 'Enforce',
    background: false,
  } as const;
  if (file === undefined) return (await loadPolicyTemplate(policy, kyverno))(variables);
  try {
    return policyTemplate(await readFile(file, 'utf8'), kyverno)(variables);
  } catch (error) {
    throw new Failure({
      kind: 'usage',
      what: `${file} is no template of the account policy`,
      why: messageOf(error),
      hint: 'Those that are there: components/kyverno/policies.',
      cause: error,
    });
  }
}
