import type { V1Pod } from '@kubernetes/client-node';
import { z } from 'zod';
import type { KubeClient } from '../../lib/kube/client.ts';
import { KubeError } from '../../lib/kube/errors.ts';
import { NO_RETRY } from '../../lib/kube/retry.ts';

const summary = z.object({
  pods: z
    .array(
      z.object({
        podRef: z.object({ uid: z.string() }),
        memory: z.object({ workingSetBytes: z.number().optional() }).optional(),
      }),
    )
    .nullish(),
});

/** What pods use, by their uid, as the kubelets of their nodes measure it. A kubelet that does not answer says nothing. */
export async function podMemory(
  client: KubeClient,
  pods: readonly V1Pod[],
): Promise<ReadonlyMap<string, number>> {
  const nodes = [...new Set(pods.flatMap(({ spec }) => spec?.nodeName ?? []))];
  const readings = await Promise.all(
    nodes.map(async (node) => {
      try {
        const answer: unknown = await client.request(
          'GET',
          `/api/v1/nodes/${encodeURIComponent(node)}/proxy/stats/summary`,
          { timeoutMs: 5_000, retry: NO_RETRY },
        );
        return summary.parse(answer).pods ?? [];
      } catch (error) {
        if (error instanceof KubeError) return [];
        throw error;
      }
    }),
  );
  return new Map(
    readings.flat().map(({ podRef, memory }): [string, number] => [podRef.uid, memory?.workingSetBytes ?? 0]),
  );
}
