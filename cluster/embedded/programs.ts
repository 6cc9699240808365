import type { Context } from '../../lib/context.ts';
import type { Progress } from '../../lib/steps.ts';
import type { Profile } from '../profile.ts';
import { resolveBinaries, type BinaryRef } from '../toolchain/resolve.ts';

/** Every program that an embedded cluster of this profile runs, and kubectl. */
export function binariesOf(profile: Profile): BinaryRef[] {
  const from = (module: string, binaries: readonly string[]): BinaryRef[] =>
    binaries.map((binary) => ({ module, binary }));
  return [
    ...from(`etcd-${profile.etcd}`, ['etcd', 'etcdutl']),
    ...from(`kubernetes-${profile.kubernetes}`, [
      'kube-apiserver',
      'kube-controller-manager',
      'kube-scheduler',
      'kubectl',
    ]),
    ...from(`kwok-${profile.kwok}`, ['kwok']),
    ...from(`kyverno-${profile.kyverno}`, [
      'kyverno',
      'background-controller',
      'reports-controller',
      'cleanup-controller',
    ]),
  ];
}

/** The paths of all of them by name; built first where they are not in the cache. */
export function resolvePrograms(
  profile: Profile,
  context: Context,
  progress: Progress,
): Promise<ReadonlyMap<string, string>> {
  return resolveBinaries(binariesOf(profile), context, progress);
}
