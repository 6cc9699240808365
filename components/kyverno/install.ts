import type { UpState } from '../../cluster/provider.ts';
import { withClient } from '../../cluster/with-client.ts';
import type { Context } from '../../lib/context.ts';
import type { KubeObject } from '../../lib/kube/types.ts';
import { allOrFirstFailure, type Plan } from '../../lib/steps.ts';
import { renderChart, type ChartSource } from './chart.ts';
import { refreshHealthLease } from './health-lease.ts';
import { sortManifests, type KyvernoManifests } from './manifests.ts';
import { applyObjects, waitUntilAggregated, waitUntilServed } from './objects.ts';
import { waitForKyverno } from './ready.ts';
import { requireRoom } from './room.ts';
import { forgetStandstill } from './standstill.ts';
import { chartValues, type KyvernoSettings } from './values.ts';
import { endsWithoutRights, workloadOf } from './workloads.ts';

export interface KyvernoInput {
  readonly settings: KyvernoSettings;
  /** Asked for when the first step runs, so that a step before it may resolve it. */
  chart(): Promise<ChartSource>;
}

/** Kyverno's part of `up`. */
export interface KyvernoPlans {
  /** Its CRDs, once the chart is rendered. */
  crds(): readonly KubeObject[];
  /** Renders the chart: work for this machine alone, done before a control plane competes for it. */
  readonly prepare: Plan<UpState>;
  /** From a control plane that answers through HAProxy to Kyverno's processes or pods being started. */
  readonly install: Plan<UpState>;
  /** Until Kyverno admits and refuses. */
  readonly ready: Plan<UpState>;
}

export function kyvernoPlans(input: KyvernoInput, context: Context): KyvernoPlans {
  let made: (KyvernoManifests & { readonly version: string }) | undefined;
  const rendered = () => {
    if (made === undefined) throw new Error("Kyverno's chart is rendered before it is installed");
    return made;
  };
  return {
    crds: () => rendered().objects.filter(({ kind }) => kind === 'CustomResourceDefinition'),
    prepare: [
      {
        id: 'kyverno.chart',
        title: "Render Kyverno's chart",
        async run() {
          const source = await input.chart();
          const { version } = source;
          made = {
            ...sortManifests(await renderChart(source, chartValues(input.settings), context)),
            version,
          };
          return version;
        },
      },
    ],
    install: [
      {
        id: 'kyverno.objects',
        title: "Kyverno's CRDs, roles and settings",
        run: ({ cluster }) =>
          withClient(cluster, async (client) => {
            const { objects } = rendered();
            const applied = await applyObjects(client, objects);
            await waitUntilServed(client, objects, context);
            return applied === 0 ? 'unchanged' : `${applied} of ${objects.length} applied`;
          }),
      },
      {
        id: 'kyverno.controllers',
        title: "Kyverno's controllers",
        async run({ cluster }) {
          const { platform } = cluster;
          const { deployments, objects, version } = rendered();
          await withClient(cluster, async (client) => {
            if (input.settings.limits === true) await requireRoom(client, deployments);
            if (endsWithoutRights(version)) await waitUntilAggregated(client, objects, context);
            await refreshHealthLease(client, context.clock);
          });
          await allOrFirstFailure(
            deployments.map((deployment) => platform.apply(workloadOf(deployment, platform, version))),
          );
          return deployments.map(({ spec }) => spec?.replicas ?? 1).join(' + ') + ' replicas';
        },
      },
    ],
    ready: [
      {
        id: 'kyverno.ready',
        title: 'Kyverno admits and refuses',
        run: ({ cluster }) =>
          withClient(cluster, async (client) => {
            const seen = await waitForKyverno(cluster, client, rendered(), context);
            await forgetStandstill(cluster);
            return seen;
          }),
      },
    ],
  };
}
