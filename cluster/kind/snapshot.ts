import type { Context } from '../../lib/context.ts';
import type { ClusterRecord } from '../record.ts';
import { runEngine, type Engine } from './engine.ts';
import { nodesOf, type KindNode } from './layout.ts';
import { ensureNetwork } from './network.ts';

/** Where the snapshot is put in a node: beside etcd's data. */
const FILE = '/var/lib/toolforge-local-restore.db';
const HELD = '/etc/kubernetes/held';

/**
 * Replaces the data of all etcd members by a snapshot: every control plane is taken down as its kubelet would (its
 * manifests are moved away), each member restores the same file, and all come back together.
 */
export async function restoreEtcd(
  record: ClusterRecord,
  directory: string,
  file: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  const members = nodesOf(record).filter(({ role }) => role === 'control-plane');
  const addresses = await ensureNetwork(record, directory, engine, context);
  const peer = ({ container }: KindNode): string => `https://${addresses.get(container) ?? ''}:2380`;
  const cluster = members.map((member) => `${member.container}=${peer(member)}`).join(',');
  const onAll = (work: (member: KindNode) => Promise<unknown>) => Promise.all(members.map(work));
  const inNode = ({ container }: KindNode, script: string, ...args: string[]) =>
    runEngine(engine, context, ['exec', container, 'sh', '-euc', script, 'sh', ...args]);
  // All that may fail comes before anything is stopped or deleted.
  await onAll(async (member) => {
    await runEngine(engine, context, ['exec', member.container, 'rm', '-rf', FILE, '/var/lib/etcd.restored']);
    await runEngine(engine, context, ['cp', file, `${member.container}:${FILE}`]);
    await inNode(member, RESTORE, FILE, member.container, cluster, peer(member));
  });
  await onAll((member) => inNode(member, STOP, HELD));
  await onAll((member) => inNode(member, START, HELD));
}

/**
 * With the etcdutl of the node's own etcd image, whichever that is. Watchers that remember revisions of the old data must not
 * take the restored ones for known.
 */
const RESTORE = `image=$(ctr --namespace k8s.io images list --quiet | grep -m 1 '/etcd:')
ctr --namespace k8s.io run --rm --mount type=bind,src=/var/lib,dst=/var/lib,options=rbind:rw \\
  "$image" toolforge-local-restore etcdutl snapshot restore "$1" --data-dir /var/lib/etcd.restored --name "$2" \\
  --initial-cluster "$3" --initial-advertise-peer-urls "$4" --bump-revision 1000000000 --mark-compacted
rm -f "$1"`;

/**
 * The kubelet does not start again what has no manifest; what it would end gently is ended at once, since its data go.
 * Waits for the processes to be gone, not for a time.
 */
const STOP = `programs='etcd|kube-apiserver|kube-controller|kube-scheduler'
mkdir -p "$1"
mv /etc/kubernetes/manifests/*.yaml "$1"/
tries=0
while pkill -KILL -x "$programs"; do
  tries=$((tries + 1)); [ "$tries" -lt 600 ] || { mv "$1"/*.yaml /etc/kubernetes/manifests/; exit 1; }
  sleep 0.2
done
rm -rf /var/lib/etcd/member
mv /var/lib/etcd.restored/member /var/lib/etcd/member
rm -rf /var/lib/etcd.restored`;

const START = `mv "$1"/*.yaml /etc/kubernetes/manifests/
rmdir "$1"`;
