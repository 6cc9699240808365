import { formatBytes } from '../lib/sizes.ts';
import { partsOf } from './kind/image/reference.ts';
import type { Profile } from './profile.ts';
import { PRODUCTION } from './production.ts';
import type { AccountPolicyChoice, ClusterSpec } from './spec.ts';

/** One way in which a cluster is not production. */
export interface Difference {
  readonly what: string;
  readonly here: string;
  readonly production: string;
  /** For what nobody chose. */
  readonly why?: string;
}

function policyText(choice: AccountPolicyChoice): string {
  return choice === 'none' ? 'none' : `${choice.profile}, ${choice.action}`;
}

/** Whether the nodes are of the image that the profile names, and not of one that was built here in its place. */
function isPulled({ nodeImage, kubernetes }: Profile): boolean {
  return nodeImage !== undefined && partsOf(nodeImage).version === kubernetes;
}

/** Where the cluster differs from production, in what a person can choose and in what a provider cannot do. */
export function differencesFromProduction(spec: ClusterSpec, profile: Profile): Difference[] {
  const memory = spec.controlPlaneMemory;
  const rows: Difference[] = [
    { what: 'Kubernetes', here: profile.kubernetes, production: PRODUCTION.kubernetes },
    { what: 'Kyverno', here: profile.kyverno, production: PRODUCTION.kyverno },
    {
      what: 'control planes',
      here: String(spec.controlPlanes),
      production: String(PRODUCTION.controlPlanes),
    },
    {
      what: 'memory of each',
      here: memory === undefined ? 'no limit' : formatBytes(memory),
      production: formatBytes(PRODUCTION.controlPlaneMemory),
    },
    {
      what: 'Kyverno admission replicas',
      here: String(spec.kyvernoReplicas),
      production: String(PRODUCTION.kyvernoReplicas),
    },
    {
      what: "replicas of Kyverno's other controllers",
      here: '1 each',
      production: '2 each',
      why: 'only their leaders work',
    },
    { what: 'HAProxy health check', here: spec.healthCheck, production: PRODUCTION.healthCheck },
    { what: 'API port', here: String(spec.apiPort), production: String(PRODUCTION.apiPort) },
    {
      what: 'account policy',
      here: policyText(spec.accountPolicy ?? profile.accountPolicy),
      production: policyText(PRODUCTION.accountPolicy),
    },
    {
      what: 'PodSecurityPolicy',
      here: profile.podSecurityPolicy ? 'admits pods' : 'gone',
      production: 'gone',
    },
    ...(spec.provider === 'embedded'
      ? [
          {
            what: 'nodes and pods',
            here: 'simulated by KWOK',
            production: 'kubelets',
            why: 'no container engine is needed',
          },
        ]
      : [
          {
            what: 'node image',
            here: isPulled(profile) ? "kind's own" : 'built here from Debian and pinned sources',
            production: 'virtual machines',
          },
          {
            what: 'pod network',
            here: isPulled(profile) ? 'kindnet' : 'ptp and fixed routes',
            production: 'Calico',
          },
          {
            what: "requests and limits of Kyverno's pods",
            here: spec.kyvernoLimits === true ? 'as in production' : 'none',
            production: 'as in production',
          },
          ...(spec.controlPlanes === 1
            ? []
            : [{ what: 'API between nodes', here: "kind's balancer", production: 'HAProxy' }]),
          { what: 'etcd', here: 'on the control planes', production: 'on machines of its own' },
          {
            what: "images of tools' pods",
            here: 'one with bash, BusyBox and its web server',
            production: "Toolforge's, by language",
            why: 'no registry is asked; `--image` names any other',
          },
        ]),
    ...profile.deviations.filter(({ on }) => on === undefined || on === spec.provider),
  ];
  return rows.filter(({ here, production }) => here !== production);
}
