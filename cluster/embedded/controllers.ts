import path from 'node:path';
import { isAtLeast } from '../../lib/versions.ts';
import { BULK_CONTROLLERS } from '../api-arguments.ts';
import { LOOPBACK } from '../keys.ts';
import type { PkiStore } from '../pki/store.ts';
import { PRODUCTION } from '../production.ts';
import type { ClusterRecord } from '../record.ts';
import type { Service } from '../supervisor/service.ts';
import { toArguments } from './etcd.ts';
import { layout, port } from './layout.ts';
import { SMALL_HEAP } from './small-heap.ts';

export interface ControllerPrograms {
  readonly controllerManager: string;
  readonly scheduler: string;
  readonly kwok: string;
}

/** The users of the control plane's own clients, and where their kubeconfigs are; all go through HAProxy. */
export const CONTROLLER_USERS = {
  'kube-controller-manager': { user: 'system:kube-controller-manager', groups: [] },
  'kube-scheduler': { user: 'system:kube-scheduler', groups: [] },
  // KWOK plays every node's kubelet: the node identity is too narrow for that.
  kwok: { user: 'kwok', groups: ['system:masters'] },
} as const satisfies Record<string, { user: string; groups: readonly string[] }>;

export function controllerKubeconfig(directory: string, name: keyof typeof CONTROLLER_USERS): string {
  return path.join(layout(directory).kubeconfigs, `${name}.kubeconfig`);
}

/** kube-controller-manager, kube-scheduler and KWOK: one of each, so none needs a leader election. */
export function controllerServices(
  programs: ControllerPrograms,
  record: ClusterRecord,
  kubernetes: string,
  directory: string,
  pki: PkiStore,
): Service[] {
  const ca = pki.files('ca');
  const managerConfig = controllerKubeconfig(directory, 'kube-controller-manager');
  const schedulerConfig = controllerKubeconfig(directory, 'kube-scheduler');
  const serving = pki.files('controllers');
  const common = (config: string, securePort: number) => ({
    kubeconfig: config,
    'authentication-kubeconfig': config,
    'authorization-kubeconfig': config,
    'bind-address': LOOPBACK,
    'secure-port': String(securePort),
    'tls-cert-file': serving.certificate,
    'tls-private-key-file': serving.key,
    profiling: 'false',
    'leader-elect': 'false',
  });
  const manager = {
    ...common(managerConfig, port(record, 'controllerManager')),
    'client-ca-file': ca.certificate,
    'cluster-name': record.spec.name,
    'cluster-cidr': PRODUCTION.podSubnet,
    'allocate-node-cidrs': 'true',
    'service-cluster-ip-range': '10.96.0.0/12',
    'cluster-signing-cert-file': ca.certificate,
    'cluster-signing-key-file': ca.key,
    'root-ca-file': ca.certificate,
    'service-account-private-key-file': pki.files('service-accounts').key,
    'use-service-account-credentials': 'true',
    controllers: '*,bootstrapsigner,tokencleaner',
    ...BULK_CONTROLLERS,
  };
  return [
    {
      name: 'kube-controller-manager',
      program: programs.controllerManager,
      args: toArguments(manager),
      env: SMALL_HEAP,
      files: [managerConfig, ca.certificate],
    },
    {
      name: 'kube-scheduler',
      program: programs.scheduler,
      args: toArguments(common(schedulerConfig, port(record, 'scheduler'))),
      env: SMALL_HEAP,
      files: [schedulerConfig],
      // Before 1.25 it waits for the next pod to come before it ends.
      killed: !isAtLeast(kubernetes, '1.25'),
    },
    {
      name: 'kwok',
      program: programs.kwok,
      args: toArguments({
        kubeconfig: controllerKubeconfig(directory, 'kwok'),
        'manage-all-nodes': 'true',
        // The kubelet's. Without leases KWOK 0.7 says that a node lives every ten minutes only, and
        // kube-controller-manager takes nodes, and the pods on them, for dead after 40 s.
        'node-lease-duration-seconds': '40',
        cidr: PRODUCTION.podSubnet,
        'node-ip': LOOPBACK,
        'server-address': `${LOOPBACK}:${port(record, 'kwok')}`,
      }),
      env: SMALL_HEAP,
      files: [controllerKubeconfig(directory, 'kwok')],
    },
  ];
}
