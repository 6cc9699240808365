import type { KubeClient } from '../../lib/kube/client.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import { CONFIG_MAPS, type KubeObject } from '../../lib/kube/types.ts';
import { KYVERNO_NAMESPACE } from './chart.ts';

/** What was installed here and seen to work. The chart's own labels name the chart's version, not Kyverno's. */
export interface Installed {
  /** Kyverno's: `1.18.2`. */
  readonly version: string;
  /** Of the manifests. */
  readonly fingerprint: string;
}

const CONFIG_MAP = 'toolforge-local-installed';

export async function readInstalled(client: KubeClient): Promise<Installed | undefined> {
  const { data } =
    (await ifFound(
      client.get<KubeObject & { readonly data?: Partial<Installed> }>(
        CONFIG_MAPS,
        CONFIG_MAP,
        KYVERNO_NAMESPACE,
      ),
    )) ?? {};
  if (data?.version === undefined || data.fingerprint === undefined) return undefined;
  return { version: data.version, fingerprint: data.fingerprint };
}

export async function writeInstalled(client: KubeClient, { version, fingerprint }: Installed): Promise<void> {
  await client.apply(
    CONFIG_MAPS,
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: CONFIG_MAP }, data: { version, fingerprint } },
    KYVERNO_NAMESPACE,
  );
}
