import type { LogSource } from '../provider.ts';
import type { ClusterRecord } from '../record.ts';
import { engineOf, type Answer } from './engine.ts';
import { nodesOf, type KindNode } from './layout.ts';

const STATIC_PODS = ['kube-apiserver', 'etcd', 'kube-controller-manager', 'kube-scheduler'];
const UNITS = ['kubelet', 'containerd'];

/**
 * The logs that are in the nodes: of the control plane's pods, which their kubelets keep, and of the nodes' services.
 * @param answer needs to have an engine only when one of them is shown
 */
export function nodeLogs(record: ClusterRecord, answer: Answer): LogSource[] {
  return nodesOf(record).flatMap((node) => [
    ...(node.role === 'control-plane' ? STATIC_PODS.map((name) => podLog(node, name, answer)) : []),
    ...UNITS.map((name) => unitLog(node, name, answer)),
  ]);
}

/** Kyverno's controllers, as its chart names their Deployments. */
const DEPLOYMENTS = ['admission', 'background', 'cleanup', 'reports'].map(
  (name) => `kyverno-${name}-controller`,
);

/** The logs of the platform's pods, whichever node they are on: of all replicas at once. */
export function deploymentLogs(kubectl: string, kubeconfig: string): LogSource[] {
  return DEPLOYMENTS.map((name) => ({
    name,
    command: (lines, follow) => ({
      program: kubectl,
      args: [
        ...['--kubeconfig', kubeconfig, '--namespace', 'kyverno', 'logs', `deployment/${name}`],
        ...['--all-pods', '--prefix', '--tail', String(lines), ...(follow ? ['--follow'] : [])],
      ],
    }),
  }));
}

function podLog(node: KindNode, name: string, answer: Answer): LogSource {
  return {
    name: `${name}-${node.index + 1}`,
    command: (lines, follow) => ({
      program: engineOf(answer).name,
      // The newest file: a pod that was restarted has one for each start. `-F` knows rotation.
      args: [
        ...['exec', node.container, 'sh', '-c'],
        'exec tail -n "$1" $2 "$(ls -t /var/log/containers/"$3"-*.log | head -n 1)"',
        ...['sh', String(lines), follow ? '-F' : '', name],
      ],
    }),
  };
}

function unitLog(node: KindNode, name: string, answer: Answer): LogSource {
  const suffix = node.role === 'control-plane' ? String(node.index + 1) : node.machine;
  return {
    name: `${name}-${suffix}`,
    command: (lines, follow) => ({
      program: engineOf(answer).name,
      args: [
        ...['exec', node.container, 'journalctl', '--no-pager', '-u', name, '-n', String(lines)],
        ...(follow ? ['--follow'] : []),
      ],
    }),
  };
}
