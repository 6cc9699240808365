import { writeMarker } from '../cluster/open.ts';
import type { Profile } from '../cluster/profile.ts';
import type { Provider, UpState } from '../cluster/provider.ts';
import { writeRecord, type ClusterRecord } from '../cluster/record.ts';
import { resolveHostTools } from '../cluster/toolchain/host-tools.ts';
import { withClient } from '../cluster/with-client.ts';
import { loadCatalogue, MODULES_DIRECTORY, pinnedModule } from '../cluster/toolchain/catalogue.ts';
import { moduleFiles, resolveBinaries } from '../cluster/toolchain/resolve.ts';
import type { Context } from '../lib/context.ts';
import type { Plan, Progress, Step } from '../lib/steps.ts';
import { haproxyPlan, type HAProxyProgram } from './haproxy/index.ts';
import { freshImage } from './fresh.ts';
import { saveImage } from './image.ts';
import { checkPolicyStep, kyvernoPlans, templateFile, type ChartSource } from './kyverno/index.ts';
import { ldapDirectory, ldapFiles, ldapPlan } from './ldap/index.ts';
import { maintainKubeusersPlan, type MaintainKubeusersInput } from './maintain-kubeusers/index.ts';
import { podSecurityPolicyPlan } from './pod-security-policy/index.ts';
import { StartingState } from './starting-state.ts';

/** The program of ours that renders Helm charts with Helm's own library. */
const CHART_RENDERER = { module: 'helm-3.20.2', binary: 'render-chart' } as const;

const SUBCHART = 'chart-kyverno-api';

/** The platform: which components a cluster has, and in which order they come up. One list, read from the top. */
export function upPlan(
  provider: Provider,
  record: ClusterRecord,
  profile: Profile,
  context: Context,
): Plan<UpState> {
  const kyverno = kyvernoPlans(
    {
      settings: {
        replicas: { admission: record.spec.kyvernoReplicas },
        limits: record.spec.kyvernoLimits ?? false,
      },
      chart: () => kyvernoChart(profile, context),
    },
    context,
  );
  const starting = new StartingState(() => kyverno.crds(), profile, context);
  const ours = provider.up(record, profile, context, () => starting.file);
  return [
    hostTools(context),
    ...ours.prepare,
    ...kyverno.prepare,
    ...ours.controlPlane,
    ...haproxyPlan(() => haproxyProgram(context), context),
    ...(record.ready || !provider.startsFromSavedState ? [] : [starting.save()]),
    mark(record),
    ...podSecurityPolicyPlan(profile),
    { concurrent: [[...kyverno.install], ours.nodes, ldapPlan(context)] },
    // The loop starts while Kyverno does; what Kyverno refuses meanwhile, it tries again.
    {
      concurrent: [
        kyverno.ready,
        [
          ...checkPolicy(record, profile),
          ...maintainKubeusersPlan(
            {
              ldapConfig: (cluster) => ldapFiles(ldapDirectory(cluster)).clientConfig,
              ...policyInput(record, profile),
            },
            context,
          ),
        ],
      ],
    },
    saveFreshImage(record, context),
  ];
}

/** The policy that tools get, and the template that it is made from; none where the cluster is still before the migration. */
function policyInput(
  { spec }: ClusterRecord,
  profile: Profile,
): Pick<MaintainKubeusersInput, 'settings' | 'files'> {
  const choice = spec.accountPolicy ?? profile.accountPolicy;
  if (choice === 'none') return {};
  const settings = { policy: { ...choice, kyverno: profile.kyverno } };
  return { settings, files: [choice.file ?? templateFile(choice.profile)] };
}

/** A text of the user's own was checked by `migrate`, or by their wish was not. */
function checkPolicy({ spec }: ClusterRecord, profile: Profile): Plan<UpState> {
  const choice = spec.accountPolicy ?? profile.accountPolicy;
  return choice === 'none' || choice.file !== undefined ? [] : [checkPolicyStep(choice.profile)];
}

const SILENT: Progress = { update: () => undefined };

/** First, and all at once: what is missing of Debian's packages comes in one download. */
function hostTools(context: Context): Step<UpState> {
  return {
    id: 'host-tools',
    title: 'Get HAProxy, runit, OpenLDAP and a chart renderer',
    async run(_, progress) {
      await resolveHostTools(['haproxy', 'runsv', 'sv', 'svlogd', 'slapd'], context, progress);
      await resolveBinaries([CHART_RENDERER], context, progress);
      return undefined;
    },
  };
}

async function haproxyProgram(context: Context): Promise<HAProxyProgram> {
  const { program, env } = (await resolveHostTools(['haproxy'], context, SILENT)).get('haproxy');
  return { program, env };
}

/** Kyverno's own chart, from the Go module that its programs are built from. */
async function kyvernoChart(profile: Profile, context: Context): Promise<ChartSource> {
  const module = `kyverno-${profile.kyverno}`;
  const files = (name: string): Promise<string> => moduleFiles(module, name, context, SILENT);
  const pinned = pinnedModule(await loadCatalogue(MODULES_DIRECTORY), module);
  const renderer = (await resolveBinaries([CHART_RENDERER], context, SILENT)).get(CHART_RENDERER.binary);
  if (renderer === undefined) throw new Error('the chart renderer was not resolved');
  return {
    version: profile.kyverno,
    kubernetes: profile.kubernetes,
    directory: await files('chart'),
    // A subchart of its own only newer versions have.
    dependencies: pinned.files[SUBCHART] === undefined ? [] : [await files(SUBCHART)],
    renderer,
  };
}

/** The marker by which later commands know the cluster for ours. */
function mark(record: ClusterRecord): Step<UpState> {
  return {
    id: 'marker',
    title: 'Mark the cluster as ours',
    async run({ cluster }) {
      await withClient(cluster, (client) => writeMarker(client, record));
      return undefined;
    },
  };
}

/** Saves the image of a fresh cluster, once, and notes that it is ready. */
function saveFreshImage(record: ClusterRecord, context: Context): Step<UpState> {
  return {
    id: 'image',
    title: 'Save the image of a fresh cluster',
    async run({ cluster }) {
      if (record.ready) return 'saved before';
      await saveImage(cluster, freshImage(cluster), { ldap: false }, context);
      await writeRecord(context.paths, { ...record, ready: true });
      return undefined;
    },
  };
}
