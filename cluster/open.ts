import type { Context } from '../lib/context.ts';
import { Failure, messageOf } from '../lib/errors.ts';
import type { KubeClient } from '../lib/kube/client.ts';
import { ifFound } from '../lib/kube/errors.ts';
import { CONFIG_MAPS, type KubeObject } from '../lib/kube/types.ts';
import { loadProfileOf } from './profile.ts';
import type { Cluster } from './provider.ts';
import { providerOf } from './providers.ts';
import { requireRecord, type ClusterRecord } from './record.ts';

/** The object in every cluster of ours that carries the id of its record. */
const MARKER = { name: 'toolforge-local', namespace: 'kube-system' } as const;

interface Marker extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * The cluster of that name, after proof that it is ours: its server presents a certificate of the recorded authority
 * (the client trusts no other) and holds the marker with the recorded id. The user's kubeconfig is never looked at.
 * @throws Failure `cluster` when there is none or it does not answer; `foreign` when it is not the one we made
 */
export async function openCluster(name: string, context: Context): Promise<Cluster> {
  const cluster = await loadCluster(name, context);
  const client = await cluster.client({ retry: { budgetMs: 5_000, firstPauseMs: 100, maxPauseMs: 1_000 } });
  try {
    await verifyMarker(client, cluster.record);
  } finally {
    await client.close();
  }
  return cluster;
}

/** The cluster of a record, running or not, unproved: for reading its state and for stopping it. */
export async function loadCluster(name: string, context: Context): Promise<Cluster> {
  const record = await requireRecord(context.paths, name);
  const provider = await providerOf(record.spec.provider);
  return provider.load(record, await loadProfileOf(record.spec), context);
}

/** Writes the marker. Only `up` does, on API servers that it has just started itself. */
export async function writeMarker(client: KubeClient, record: ClusterRecord): Promise<void> {
  const marker = await readMarker(client);
  if (marker !== undefined && marker !== record.id) throw foreign(record, `it is marked ${marker}`);
  await client.apply<Marker>(
    CONFIG_MAPS,
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: MARKER.name }, data: { id: record.id } },
    MARKER.namespace,
  );
}

async function verifyMarker(client: KubeClient, record: ClusterRecord): Promise<void> {
  let marker: string | undefined;
  try {
    marker = await readMarker(client);
  } catch (error) {
    throw unreachable(record, error);
  }
  if (marker !== record.id)
    throw foreign(record, marker === undefined ? 'it has no marker' : `it is marked ${marker}`);
}

/** The id that the cluster is marked with; undefined when it has no marker. */
export async function readMarker(client: KubeClient): Promise<string | undefined> {
  const marker = await ifFound(client.get<Marker>(CONFIG_MAPS, MARKER.name, MARKER.namespace));
  return marker?.data?.['id'];
}

function foreign(record: ClusterRecord, why: string): Failure {
  return new Failure({
    kind: 'foreign',
    what: `The cluster that answers at port ${record.spec.apiPort} is not the one recorded as ${record.spec.name}`,
    why: `${why}; ours is ${record.id}`,
    hint: `Nothing was changed. Run \`npm run up -- --name ${record.spec.name}\`, or choose another --api-port.`,
  });
}

function unreachable(record: ClusterRecord, error: unknown): Failure {
  const message = messageOf(error);
  if (/certificate|self.signed|unable to verify/i.test(message)) {
    return foreign(record, 'its certificate is not of our authority');
  }
  return new Failure({
    kind: 'cluster',
    what: `Cluster ${record.spec.name} does not answer at 127.0.0.1:${record.spec.apiPort}`,
    why: message,
    hint: `Run \`npm run up -- --name ${record.spec.name}\`; \`npm run status\` shows what runs.`,
    cause: error,
  });
}
