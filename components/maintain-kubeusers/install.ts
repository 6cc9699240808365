import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { servesPodSecurityPolicies } from '../../cluster/profile.ts';
import { withClient } from '../../cluster/with-client.ts';
import type { Cluster, UpState } from '../../cluster/provider.ts';
import type { Service } from '../../cluster/supervisor/service.ts';
import type { Context } from '../../lib/context.ts';
import { exists, makePrivateDirectory, writeFileIfChanged } from '../../lib/files.ts';
import { readCredentials } from '../../lib/kube/credentials.ts';
import {
  CLUSTER_ROLES,
  CLUSTER_ROLE_BINDINGS,
  type KubeObject,
  NAMESPACES,
  ROLES,
  ROLE_BINDINGS,
  type Resource,
  SERVICE_ACCOUNTS,
} from '../../lib/kube/types.ts';
import type { Plan } from '../../lib/steps.ts';
import { configurationSchema, type ConfigurationInput } from './configuration.ts';
import { firstPass } from './first-pass.ts';
import { ownSettings } from './own-settings.ts';
import { accountHomes, configurationFile, rollOutFile, SERVICE_NAME } from './places.ts';
import { IDENTITY, maintainKubeusersRbac } from './rbac.ts';
import { readSecretFile } from './secret-file.ts';

/** Run, not imported: it is where this component and the account policies of another meet. */
export const ENTRY_POINT = path.join(import.meta.dirname, '..', '..', 'scripts', 'maintain-kubeusers.ts');

export interface MaintainKubeusersInput {
  /** How LDAP is reached: the file in the form of production's /etc/ldap.yaml. */
  readonly ldapConfig: (cluster: Cluster) => string;
  /** Files that decide what it does, beside its configuration and its sources: templates of the policy. */
  readonly files?: readonly string[];
  /** What differs from the defaults: policy, key algorithm, quota overrides … */
  readonly settings?: Partial<
    Pick<ConfigurationInput, 'policy' | 'keyAlgorithm' | 'interval' | 'quotaOverrides' | 'massDelete'>
  >;
}

/** Comes when the API answers through HAProxy, LDAP has its accounts, and Kyverno is ready for policies. */
export function maintainKubeusersPlan(input: MaintainKubeusersInput, context: Context): Plan<UpState> {
  return [
    {
      id: 'maintain-kubeusers.rbac',
      title: 'Rights of maintain-kubeusers',
      async run({ cluster }) {
        await applyRbac(cluster);
        return undefined;
      },
    },
    {
      id: 'maintain-kubeusers.start',
      title: 'maintain-kubeusers',
      async run({ cluster }, progress) {
        await writeFiles(cluster, input);
        const started = await cluster.supervisor.apply([await service(cluster, input)]);
        return `${started.length > 0 ? 'started' : 'unchanged'}, ${await firstPass(cluster, context, progress)}`;
      },
    },
  ];
}

const PLACES: Readonly<Record<string, Resource>> = {
  Namespace: NAMESPACES,
  ServiceAccount: SERVICE_ACCOUNTS,
  ClusterRole: CLUSTER_ROLES,
  ClusterRoleBinding: CLUSTER_ROLE_BINDINGS,
  Role: ROLES,
  RoleBinding: ROLE_BINDINGS,
};

async function applyRbac(cluster: Cluster): Promise<void> {
  // Those of tools must also go, when the plugin is gone.
  const podSecurityPolicy = servesPodSecurityPolicies(cluster.profile);
  await withClient(cluster, async (client) => {
    for (const object of maintainKubeusersRbac({ podSecurityPolicy })) {
      await client.apply(placeOf(object), object, object.metadata?.namespace);
    }
  });
}

function placeOf({ kind }: KubeObject): Resource {
  const place = PLACES[kind ?? ''];
  if (place === undefined) throw new Error(`no place for a ${kind ?? 'nothing'}`);
  return place;
}

async function writeFiles(cluster: Cluster, { ldapConfig, settings }: MaintainKubeusersInput): Promise<void> {
  const file = configurationFile(cluster.directory);
  const directory = path.dirname(file);
  await makePrivateDirectory(directory);
  const kubeconfig = path.join(directory, 'kubeconfig');
  await writeFileIfChanged(kubeconfig, await cluster.kubeconfigFor(IDENTITY.user, IDENTITY.groups));
  const { server, ca } = await readCredentials(cluster.kubeconfig);
  const caFile = path.join(directory, 'ca.crt');
  await writeFileIfChanged(caFile, ca);
  const homes = accountHomes(cluster.directory);
  const configuration: ConfigurationInput = {
    kubeconfig,
    ldapConfig: ldapConfig(cluster),
    dataRoot: homes.tools,
    adminHomeRoot: homes.admins,
    port: cluster.hostPorts.maintainKubeusers,
    rollOutFile: rollOutFile(cluster.directory),
    podSecurityPolicy: cluster.profile.podSecurityPolicy,
    cluster: { server, caFile },
    ...settings,
    ...(await ownSettings(cluster.directory)),
    ...(await secrets(file)),
  };
  await writeFileIfChanged(file, `${JSON.stringify(configuration, undefined, 2)}\n`);
}

const { token, stateKey } = configurationSchema.shape;
/** Looked for by themselves: a file of another version, with settings that are not known here, has them too. */
const keptSecrets = z.object({
  token: token.optional().catch(undefined),
  stateKey: stateKey.optional().catch(undefined),
});

/** Made once: another state key would have every account done anew. */
async function secrets(file: string): Promise<{ token: string; stateKey: string }> {
  const kept = (await exists(file))
    ? await readSecretFile(file, keptSecrets, {
        what: 'The configuration of maintain-kubeusers cannot be read',
        hint: 'Correct the file, or delete it: `npm run up` then writes another, and does every account anew.',
      })
    : {};
  const make = (): string => randomBytes(24).toString('base64url');
  return { token: kept.token ?? make(), stateKey: kept.stateKey ?? make() };
}

/**
 * Node's young generation grows to 100 MiB when much is allocated, as thousands of requests do, and stays so. What the
 * loop keeps of 4,000 accounts is some tens of MiB.
 */
export const MEMORY = ['--max-semi-space-size=8', '--max-old-space-size=256'];

/** The loop as a service: this Node, our entry point; restarted when its configuration or its sources changed. */
async function service(
  cluster: Cluster,
  { ldapConfig, files = [] }: MaintainKubeusersInput,
): Promise<Service> {
  const file = configurationFile(cluster.directory);
  const sources = await readdir(import.meta.dirname, { recursive: true });
  return {
    name: SERVICE_NAME,
    program: process.execPath,
    args: [...MEMORY, ENTRY_POINT, '--config', file],
    files: [
      file,
      path.join(path.dirname(file), 'kubeconfig'),
      ldapConfig(cluster),
      ...files,
      ...sources
        .filter((source) => source.endsWith('.ts'))
        .map((source) => path.join(import.meta.dirname, source)),
    ],
    workingDirectory: path.dirname(file),
  };
}
