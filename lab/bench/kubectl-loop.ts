import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Cluster } from '../../cluster/provider.ts';
import { loadPolicyTemplate } from '../../components/kyverno/policies/render.ts';
import type { Context } from '../../lib/context.ts';
import { desiredPolicy, targets } from '../../seed/policies/desired.ts';
import type { SeedPoliciesOptions } from '../../seed/policies/options.ts';

/**
 * Seconds an account of what people do without this project: `kubectl create namespace` and `kubectl apply`, one
 * after the other, as the helper did that lima-kilo had until 2024.
 */
export async function kubectlSecondsEach(
  cluster: Cluster,
  options: SeedPoliciesOptions,
  context: Context,
): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'tl-kubectl-'));
  try {
    const template = await loadPolicyTemplate('toolforge', cluster.profile.kyverno);
    const kubectl = await cluster.program('kubectl');
    const run = (...args: string[]) =>
      context.runner.run(kubectl, ['--kubeconfig', cluster.kubeconfig, ...args], { signal: context.signal });
    const all = [...targets(options)];
    const files = all.map((_, index) => path.join(directory, `${index}.json`));
    for (const [index, target] of all.entries()) {
      await writeFile(files[index] ?? '', JSON.stringify(desiredPolicy(target, options, template)));
    }
    const started = context.clock.now();
    for (const [index, { namespace }] of all.entries()) {
      await run('create', 'namespace', namespace);
      await run('apply', '-f', files[index] ?? '');
    }
    return (context.clock.now() - started) / 1000 / all.length;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
