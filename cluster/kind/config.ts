import path from 'node:path';
import { stringify } from 'yaml';
import { BULK_CONTROLLERS, BULK_ETCD } from '../api-arguments.ts';
import { LOOPBACK } from '../keys.ts';
import type { PkiStore } from '../pki/store.ts';
import type { Profile } from '../profile.ts';
import { PRODUCTION } from '../production.ts';
import type { ClusterRecord } from '../record.ts';
import type { NodeImage } from './image/choose.ts';
import { COREDNS, etcdTag } from './image/components.ts';
import { GATEWAY_NODE_PORTS, layout, nodesOf, port, type KindNode } from './layout.ts';
import { NODE_FILES } from './pod-host.ts';

/** Where kubeadm, and so the API servers, find the admission configuration in a node. */
export const ADMISSION_IN_NODE = '/etc/kubernetes/admission';

interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly?: boolean;
}

/** What `kind create cluster --config` reads. A pure function: the same cluster gives the same file. */
export function kindConfig(
  record: ClusterRecord,
  profile: Profile,
  directory: string,
  pki: Pick<PkiStore, 'files'>,
  image: Pick<NodeImage, 'reference' | 'origin'>,
): string {
  const { name, controlPlanes } = record.spec;
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    name,
    networking: {
      apiServerAddress: LOOPBACK,
      apiServerPort: controlPlanes === 1 ? port(record, 'apiserver') : port(record, 'balancer'),
      podSubnet: PRODUCTION.podSubnet,
      // Nodes that are built here make theirs themselves: nothing that would have to be pulled.
      disableDefaultCNI: image.origin === 'built',
      kubeProxyMode: 'iptables',
    },
    kubeadmConfigPatches: [stringify(clusterConfiguration(profile, image.origin))],
    nodes: nodesOf(record).map((node) => ({
      role: node.role,
      image: image.reference,
      labels: PRODUCTION.nodeLabels,
      extraMounts: [
        ...productionMounts(directory),
        ...(node.role === 'control-plane' ? controlPlaneMounts(directory) : []),
        ...(node.role === 'control-plane' && node.index === 0 ? keyMounts(pki) : []),
      ],
      extraPortMappings: portMappings(record, node),
    })),
  });
}

/** For one node of this image and nothing of ours: only what it takes to start without pulling anything. */
export function bareKindConfig(
  profile: Profile,
  { reference, origin }: Pick<NodeImage, 'reference' | 'origin'>,
): string {
  const built = origin === 'built';
  const images = { dns: { imageTag: `v${COREDNS}` }, etcd: { local: { imageTag: etcdTag(profile) } } };
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    networking: { disableDefaultCNI: built },
    ...(built ? { kubeadmConfigPatches: [stringify({ kind: 'ClusterConfiguration', ...images })] } : {}),
    nodes: [{ role: 'control-plane', image: reference }],
  });
}

/** kubeadm's configuration where it is not kind's: production's API server arguments, and our images where there are such. */
function clusterConfiguration(profile: Profile, origin: NodeImage['origin']): object {
  const built = origin === 'built';
  return {
    kind: 'ClusterConfiguration',
    networking: { dnsDomain: PRODUCTION.localDnsDomain },
    ...(built ? { dns: { imageTag: `v${COREDNS}` } } : {}),
    etcd: {
      local: {
        ...(built ? { imageTag: etcdTag(profile) } : {}),
        extraArgs: BULK_ETCD,
      },
    },
    apiServer: {
      extraArgs: {
        'enable-admission-plugins': PRODUCTION.admissionPlugins.join(','),
        'admission-control-config-file': path.posix.join(ADMISSION_IN_NODE, 'admission.yaml'),
        'tls-cipher-suites': PRODUCTION.cipherSuites.join(','),
        profiling: 'false',
      },
      extraVolumes: [
        {
          name: 'admission',
          hostPath: ADMISSION_IN_NODE,
          mountPath: ADMISSION_IN_NODE,
          readOnly: true,
          pathType: 'Directory',
        },
      ],
    },
    controllerManager: {
      extraArgs: {
        profiling: 'false',
        // The nodes' pod subnets are fixed, as their addresses are; kind's own network asks for allocated ones.
        ...(built ? { 'allocate-node-cidrs': 'false' } : {}),
        ...BULK_CONTROLLERS,
      },
    },
    scheduler: { extraArgs: { profiling: 'false' } },
  };
}

/** What production's nodes have (TOOLFORGE.md, section 3). */
function productionMounts(directory: string): Mount[] {
  const { data, etc, network, public: published } = layout(directory);
  return [
    { hostPath: path.join(data, 'project'), containerPath: '/data/project' },
    { hostPath: path.join(data, 'scratch'), containerPath: '/data/scratch' },
    { hostPath: path.join(published, 'dumps'), containerPath: '/public/dumps', readOnly: true },
    { hostPath: path.join(published, 'nfs'), containerPath: '/mnt/nfs', readOnly: true },
    { hostPath: path.join(published, 'sss-pipes'), containerPath: '/var/lib/sss/pipes' },
    ...Object.keys(NODE_FILES).map((name) => ({
      hostPath: path.join(etc, name),
      containerPath: `/etc/${name}`,
      readOnly: true,
    })),
    { hostPath: network, containerPath: '/etc/toolforge-local/network', readOnly: true },
  ];
}

/** What `/mnt/nfs/dumps*` is today, and what volume-admission mounts. */
const DUMPS_SERVER = 'nfs/dumps-clouddumps1001';

/** Directories that must be there before an engine mounts them, or it makes them as root. */
export function mountedDirectories(directory: string): string[] {
  const { data, public: published } = layout(directory);
  return [
    ...['project', 'scratch'].map((name) => path.join(data, name)),
    ...['dumps', 'nfs', DUMPS_SERVER, 'sss-pipes'].map((name) => path.join(published, name)),
  ];
}

function controlPlaneMounts(directory: string): Mount[] {
  return [{ hostPath: layout(directory).admission, containerPath: ADMISSION_IN_NODE, readOnly: true }];
}

/**
 * The authorities are ours, so that the client certificates we issue are the cluster's own. kubeadm uses what is there,
 * on the first control plane, and kind copies them from there to the others.
 */
function keyMounts(pki: Pick<PkiStore, 'files'>): Mount[] {
  const pair = (name: string, certificate: string, key: string): Mount[] => {
    const files = pki.files(name);
    return [
      { hostPath: files.certificate, containerPath: `/etc/kubernetes/pki/${certificate}`, readOnly: true },
      { hostPath: files.key, containerPath: `/etc/kubernetes/pki/${key}`, readOnly: true },
    ];
  };
  return [
    ...pair('ca', 'ca.crt', 'ca.key'),
    ...pair('etcd-ca', 'etcd/ca.crt', 'etcd/ca.key'),
    ...pair('front-proxy-ca', 'front-proxy-ca.crt', 'front-proxy-ca.key'),
    ...pair('service-accounts', 'sa.pub', 'sa.key'),
  ];
}

function portMappings(record: ClusterRecord, node: KindNode): object[] {
  const publish = (containerPort: number, hostPort: number) => ({
    containerPort,
    hostPort,
    listenAddress: LOOPBACK,
    protocol: 'TCP',
  });
  const first = node.position === 0;
  return [
    ...(node.role === 'control-plane' ? [publish(2379, port(record, 'etcd', node.index))] : []),
    // With one control plane kind publishes this itself.
    ...(node.role === 'control-plane' && record.spec.controlPlanes > 1
      ? [publish(6443, port(record, 'apiserver', node.index))]
      : []),
    ...(first
      ? GATEWAY_NODE_PORTS.map((nodePort, index) => publish(nodePort, port(record, 'gateways', index)))
      : []),
  ];
}

/** The list that every node makes its pod network from: name, address, pod subnet. */
export function networkFile(nodes: readonly KindNode[], addresses: ReadonlyMap<string, string>): string {
  return nodes
    .map(({ container, podSubnet }) => `${container} ${addresses.get(container) ?? ''} ${podSubnet}\n`)
    .join('');
}
