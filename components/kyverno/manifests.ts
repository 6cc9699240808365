import type { V1Deployment } from '@kubernetes/client-node';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  ROLE_BINDINGS,
  ROLES,
  SERVICE_ACCOUNTS,
  SERVICES,
  type KubeObject,
  type Resource,
} from '../../lib/kube/types.ts';
import { fingerprint } from './chart.ts';

/** Kyverno's manifests, in the groups in which they are installed. */
export interface KyvernoManifests {
  /** CRDs, RBAC, ConfigMaps, Services: everything that does not depend on where the programs run. */
  readonly objects: readonly KubeObject[];
  /** The four controllers. */
  readonly deployments: readonly V1Deployment[];
  /** Differs when anything of the above does. */
  readonly fingerprint: string;
}

/** Where each kind of the chart's objects lives in the API. */
const RESOURCES = {
  ClusterRole: CLUSTER_ROLES,
  ClusterRoleBinding: CLUSTER_ROLE_BINDINGS,
  ConfigMap: CONFIG_MAPS,
  CustomResourceDefinition: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
  },
  PodDisruptionBudget: { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets' },
  Role: ROLES,
  RoleBinding: ROLE_BINDINGS,
  Service: SERVICES,
  ServiceAccount: SERVICE_ACCOUNTS,
} as const satisfies Record<string, Resource>;

type ChartKind = keyof typeof RESOURCES;

/** @throws an error for a kind that Kyverno's chart did not have when this was written */
export function resourceOf(object: KubeObject): Resource {
  const { kind } = object;
  if (kind !== undefined && Object.hasOwn(RESOURCES, kind)) return RESOURCES[kind as ChartKind];
  throw new Error(`Kyverno's chart has an object of a kind that is not known here: ${kind ?? 'none'}`);
}

export function sortManifests(objects: readonly KubeObject[]): KyvernoManifests {
  return {
    objects: objects.filter(({ kind }) => kind !== 'Deployment'),
    // Helm rendered them from typed templates, and the API server (or the platform) checks them again.
    deployments: objects.filter(({ kind }) => kind === 'Deployment') as unknown as V1Deployment[],
    fingerprint: fingerprint(objects),
  };
}

/** A resource that a CRD makes the API server serve, in the version that is stored. */
export function servedResources(objects: readonly KubeObject[]): Resource[] {
  return objects
    .filter(({ kind }) => kind === 'CustomResourceDefinition')
    .map(({ spec }) => {
      const { group, names, versions } = spec as CustomResourceDefinitionSpec;
      const stored = versions.find(({ storage }) => storage);
      if (stored === undefined) throw new Error(`the CRD of ${names.plural} stores no version`);
      return { group, version: stored.name, plural: names.plural };
    });
}

interface CustomResourceDefinitionSpec {
  readonly group: string;
  readonly names: { readonly plural: string };
  readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
}
