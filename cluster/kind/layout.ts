import path from 'node:path';
import { LOOPBACK } from '../keys.ts';
import type { Endpoint } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';

/** Offsets in the cluster's block of ports. */
const OFFSETS = {
  etcd: 0, // one for each control plane: 0, 1, 2
  apiserver: 5, // one for each control plane: 5, 6, 7
  balancer: 8, // of kind's own balancer between the nodes; no client of ours uses it
  ldap: 10,
  maintainKubeusers: 11,
  gateways: 13, // 13, 14, 15
} as const;

/** Ports of nodes that lima-kilo publishes: web gateway, API gateway, logs (TOOLFORGE.md, section 3). */
export const GATEWAY_NODE_PORTS = [30000, 30003, 30004] as const;

export function port(record: ClusterRecord, use: keyof typeof OFFSETS, index = 0): number {
  return record.basePort + OFFSETS[use] + index;
}

export type Role = 'control-plane' | 'worker';

/** One node, in the order in which kind creates them. */
export interface KindNode {
  /** `control-plane-1`, as everywhere in this project. */
  readonly machine: string;
  /** `toolforge-control-plane`: the container's name and the node's, of kind's making. */
  readonly container: string;
  readonly role: Role;
  /** Counted for each role, from 0. */
  readonly index: number;
  /** Counted over all nodes. */
  readonly position: number;
  /** Addresses of its pods. */
  readonly podSubnet: string;
}

/** Production keeps control planes free of tools' pods; with one control plane, pods have nowhere else to go. */
const WORKERS_WITH_HA = 1;

export function nodesOf(record: ClusterRecord): KindNode[] {
  const { name, controlPlanes } = record.spec;
  const workers = controlPlanes === 1 ? 0 : WORKERS_WITH_HA;
  const roles = [...Array<Role>(controlPlanes).fill('control-plane'), ...Array<Role>(workers).fill('worker')];
  return roles.map((role, position) => {
    const index = roles.slice(0, position).filter((other) => other === role).length;
    return {
      machine: `${role}-${index + 1}`,
      container: `${name}-${role}${index === 0 ? '' : index + 1}`,
      role,
      index,
      position,
      podSubnet: `192.168.${position}.0/24`,
    };
  });
}

/** The container of kind's own balancer, which exists only with several control planes. */
export function balancerContainer(name: string): string {
  return `${name}-external-load-balancer`;
}

/** The API servers' endpoints, as HAProxy sees them. */
export function apiserverEndpoints(record: ClusterRecord): Endpoint[] {
  return nodesOf(record)
    .filter(({ role }) => role === 'control-plane')
    .map(({ machine, index }) => ({ name: machine, host: LOOPBACK, port: port(record, 'apiserver', index) }));
}

/** The engine's network for the nodes of one cluster. */
export function networkName(name: string): string {
  return `toolforge-local-${name}`;
}

/** Files and directories below the cluster's own. */
export function layout(directory: string) {
  const kind = path.join(directory, 'kind');
  return {
    kind,
    /** What `kind create cluster` is given. */
    config: path.join(kind, 'config.yaml'),
    /** Admission configuration, mounted into control planes. */
    admission: path.join(kind, 'admission'),
    /** The list by which nodes make their pod network, mounted into all. */
    network: path.join(kind, 'network'),
    /** Files of /etc that production's nodes have, mounted into all. */
    etc: path.join(kind, 'etc'),
    /** The engine's client as kind sees it, in a directory of each `up` that makes nodes. */
    bin: path.join(kind, 'bin'),
    /** There once all nodes were created; without it, what there is of them is the rest of an interrupted `up`. */
    created: path.join(kind, 'created.json'),
    kindKubeconfig: path.join(kind, 'kubeconfig'),
    data: path.join(directory, 'data'),
    public: path.join(kind, 'public'),
  };
}
