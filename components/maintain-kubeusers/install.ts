import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { servesPodSecurityPolicies } from '../../cluster/profile.ts';
import { withClient } from '../../cluster/with-client.ts';
import type { Cluster, UpState } from '../../cluster/provider.ts';
import type { Service } from '../../cluster/supervisor/service.ts';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists, writeFileIfChanged } from '../../lib/files.ts';
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
import type { Plan, Progress } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { configurationSchema, type ConfigurationInput } from './configuration.ts';
import { accountHomes, configurationFile, rollOutFile, SERVICE_NAME } from './places.ts';
import { IDENTITY, maintainKubeusersRbac } from './rbac.ts';
import { maintainKubeusersStatus } from './status.ts';

/** Run, not imported: it is where this component and the account policies of another meet. */
export const ENTRY_POINT = path.join(import.meta.dirname, '..', '..', 'scripts', 'maintain-kubeusers.ts');

/** The first pass makes the default accounts; Kyverno may take its time over their policies. */
const FIRST_PASS_MS = 120_000;
/** More accounts than this are not waited for. */
const MANY = 50;

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
    ...(await secrets(file)),
  };
  await writeFileIfChanged(file, `${JSON.stringify(configuration, undefined, 2)}\n`);
}

/** Made once: another state key would have every account done anew. */
async function secrets(file: string): Promise<{ token: string; stateKey: string }> {
  const text = await readFileIfExists(file);
  const known = text === undefined ? undefined : configurationSchema.safeParse(JSON.parse(text)).data;
  const make = (): string => randomBytes(24).toString('base64url');
  return { token: known?.token ?? make(), stateKey: known?.stateKey ?? make() };
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

/** Waits until the loop leads and has made the accounts; not for thousands, which a `reset` leaves to be made anew. */
async function firstPass(
  { directory, supervisor }: Cluster,
  context: Context,
  progress: Progress,
): Promise<string> {
  const { clock, signal } = context;
  const done = await waitFor(
    'maintain-kubeusers to make the accounts',
    async () => {
      await supervisor.assertAlive(SERVICE_NAME);
      const status = await maintainKubeusersStatus(directory).catch(notYet);
      const { total, ready, pending, disabled } = status.accounts;
      progress.update(`${ready} of ${total} accounts ready`);
      if (status.lastPass === undefined || total === 0) return undefined;
      return pending === 0 || pending > MANY ? { ready, disabled, pending } : undefined;
    },
    {
      clock,
      signal,
      timeoutMs: FIRST_PASS_MS,
      explain: async () => (await supervisor.lastLines(SERVICE_NAME, 12)).join('\n'),
      hint: 'Look at `npm run logs maintain-kubeusers`; what is missing is still being worked on.',
    },
  );
  const others = [
    ...(done.disabled === 0 ? [] : [`${done.disabled} disabled`]),
    ...(done.pending === 0 ? [] : [`${done.pending} still being made`]),
  ];
  return [`${done.ready} accounts ready`, ...others].join(', ');
}

/** `waitFor` gives up at a failure, but a loop that does not answer yet is what it waits for. */
function notYet(error: unknown): never {
  if (error instanceof Failure) throw new Error(error.message, { cause: error });
  throw error;
}
