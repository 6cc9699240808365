import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { UpState } from '../../../cluster/provider.ts';
import type { PolicyProfile } from '../../../cluster/spec.ts';
import { withClient } from '../../../cluster/with-client.ts';
import { Failure } from '../../../lib/errors.ts';
import { readFileIfExists, writeFileAtomic } from '../../../lib/files.ts';
import type { Step } from '../../../lib/steps.ts';
import { templateFile } from '../policies/render.ts';
import { samplePolicy } from './index.ts';
import { describeProblem, lintPolicy } from './lint.ts';
import { readSchemas } from './schema.ts';

/**
 * Checks each value in the tools' policy against the cluster's API, before `up` has it applied to all of them. Once a
 * text and a version of Kubernetes; trying the rules is `lint-policy`'s, since that takes a Kyverno that is ready.
 */
export function checkPolicyStep(policy: PolicyProfile): Step<UpState> {
  return {
    id: 'kyverno.policy-values',
    title: "Check the values in the tools' policy",
    async run({ cluster }) {
      const { kubernetes, kyverno } = cluster.profile;
      const text = await readFile(templateFile(policy), 'utf8');
      const checked = createHash('sha256').update(`${kubernetes}\n${kyverno}\n${text}`).digest('hex');
      const note = path.join(cluster.directory, 'checked-policy');
      if ((await readFileIfExists(note)) === checked) return 'checked before';
      const sample = await samplePolicy({ policy }, kyverno);
      const problems = await withClient(cluster, async (client) =>
        lintPolicy(sample, await readSchemas(client)),
      );
      if (problems.length > 0) {
        throw new Failure({
          kind: 'usage',
          what: `The template ${policy} has values that Kubernetes ${kubernetes} does not take`,
          why: problems.map(describeProblem).join('\n'),
          hint: `No account was changed. Mend ${templateFile(policy)}; \`npm run lint-policy\` tries its rules too.`,
        });
      }
      await writeFileAtomic(note, checked);
      return policy;
    },
  };
}
