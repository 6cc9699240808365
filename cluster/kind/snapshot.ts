import type { Context } from '../../lib/context.ts';
import type { ClusterRecord } from '../record.ts';
import { runEngine, type Engine } from './engine.ts';
import { restoredRevision } from '../restored-revision.ts';
import { nodesOf, type KindNode } from './layout.ts';
import { ensureNetwork } from './network.ts';

/** Where the snapshot is put in a node: beside etcd's data. */
const FILE = '/var/lib/toolforge-local-restore.db';
/** Where a member's new data wait for their place. */
const RESTORED = '/var/lib/etcd.restored';
/** There while the control plane is down for a restore. */
const STOPPED = '/var/lib/toolforge-local-restoring';

/**
 * Replaces the data of all etcd members by a snapshot: each member restores the same file, every control plane is taken
 * down, and all come back together.
 */
export async function restoreEtcd(
  record: ClusterRecord,
  directory: string,
  file: string,
  engine: Engine,
  context: Context,
): Promise<void> {
  const members = controlPlanes(record);
  const addresses = await ensureNetwork(record, directory, engine, context);
  const peer = ({ container }: KindNode): string => `https://${addresses.get(container) ?? ''}:2380`;
  const cluster = members.map((member) => `${member.container}=${peer(member)}`).join(',');
  const revision = restoredRevision(context.clock);
  const onAll = (work: (member: KindNode) => Promise<unknown>) => Promise.all(members.map(work));
  await finishRestore(record, engine, context);
  // All that may fail comes before anything is stopped or deleted.
  await onAll(async (member) => {
    await runEngine(engine, context, ['exec', member.container, 'rm', '-rf', FILE, RESTORED]);
    await runEngine(engine, context, ['cp', file, `${member.container}:${FILE}`]);
    const args = [FILE, member.container, cluster, peer(member), String(revision)];
    await inNode(member, RESTORE, engine, context, args);
  });
  await swapAndStart(members, engine, context);
}

/**
 * Ends what a killed restore left half done: once one member was taken down, all must get their new data before any of
 * them starts, for old and new do not know each other.
 * @returns whether there was anything to end
 */
export async function finishRestore(
  record: ClusterRecord,
  engine: Engine,
  context: Context,
): Promise<boolean> {
  const members = controlPlanes(record);
  const stopped = await Promise.all(members.map((member) => inNode(member, IS_STOPPED, engine, context)));
  if (!stopped.some(({ stdout }) => stdout.trim() === 'stopped')) return false;
  await swapAndStart(members, engine, context);
  return true;
}

async function swapAndStart(members: readonly KindNode[], engine: Engine, context: Context): Promise<void> {
  // All of them are to end, well or not, before anything else is done in them.
  const swapped = await Promise.allSettled(members.map((member) => inNode(member, SWAP, engine, context)));
  for (const outcome of swapped) if (outcome.status === 'rejected') throw outcome.reason;
  await Promise.all(members.map((member) => inNode(member, START, engine, context)));
}

function controlPlanes(record: ClusterRecord): KindNode[] {
  return nodesOf(record).filter(({ role }) => role === 'control-plane');
}

/** One script at a time in a node: the one of a client that was killed goes on to its end. */
function inNode(
  { container }: KindNode,
  script: string,
  engine: Engine,
  context: Context,
  args: readonly string[] = [],
) {
  const locked = ['flock', '/run/toolforge-local-restore.lock', 'sh', '-euc', script, 'sh', ...args];
  return runEngine(engine, context, ['exec', container, ...locked]);
}

/** With the etcdutl of the node's own etcd image, whichever that is. */
const RESTORE = `image=$(ctr --namespace k8s.io images list --quiet | grep -m 1 '/etcd:')
etcdutl() {
  ctr --namespace k8s.io containers delete toolforge-local-restore 2>/dev/null || true # of a node that was stopped in it
  ctr --namespace k8s.io run --rm --mount type=bind,src=/var/lib,dst=/var/lib,options=rbind:rw \\
    "$image" toolforge-local-restore etcdutl "$@"
}
found=$(etcdutl snapshot status "$1" --write-out json)
revision=$(echo "$found" | sed 's/.*"revision":\\([0-9]*\\).*/\\1/')
etcdutl snapshot restore "$1" --data-dir ${RESTORED} --name "$2" --initial-cluster "$3" \\
  --initial-advertise-peer-urls "$4" --bump-revision $(($5 - revision)) --mark-compacted
rm -f "$1"`;

const IS_STOPPED = `[ ! -e ${STOPPED} ] || echo stopped`;

/**
 * Takes the control plane down and puts the new data in the place of the old; whatever of it was done already is left
 * out. Without its kubelet nothing starts again, and what would end gently is ended at once, since its data go. Waits for
 * the processes to be gone, not for a time.
 */
const SWAP = `programs='etcd|kube-apiserver|kube-controller|kube-scheduler'
[ -d ${RESTORED}/member ] || exit 0
touch ${STOPPED}
systemctl stop kubelet
tries=0
while pkill -KILL -x "$programs"; do
  tries=$((tries + 1))
  [ "$tries" -lt 600 ] || { echo 'the control plane does not end' >&2; exit 1; }
  sleep 0.2
done
rm -rf /var/lib/etcd/member
mv ${RESTORED}/member /var/lib/etcd/member
rm -rf ${RESTORED}`;

/** A kubelet that starts anew has no count of restarts, by which it would put off the next one by up to minutes. */
const START = `[ -e ${STOPPED} ] || exit 0
systemctl restart kubelet
rm ${STOPPED}`;
