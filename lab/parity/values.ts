/**
 * The values that the generated pods are made of: for each field of a PodSecurityPolicy those that it allows to the tool,
 * and those that it forbids, at the boundaries above all.
 */

/** The host paths of the tools' PodSecurityPolicy (components/maintain-kubeusers), and what is below them. */
export const WRITABLE_PATHS = [
  '/data/project',
  '/data/project/tf-test',
  '/data/project/',
  '/data/scratch/x',
  '/var/lib/sss/pipes',
];
export const READ_ONLY_PATHS = [
  '/public/dumps',
  '/public/dumps/public/wikidata',
  '/mnt/nfs/dumps-1',
  '/etc/wmcs-project',
  '/etc/ldap.yaml',
  '/etc/ldap.conf/',
];
export const FORBIDDEN_PATHS = [
  '/',
  '/*',
  '/data',
  '/data/',
  '/data/projects',
  '/data/project2/x',
  '/data/project*',
  '//data/project',
  '/mnt',
  '/mnt/nfs-secret',
  '/public',
  '/etc',
  '/etc/shadow',
  '/etc/ldap.yaml.bak',
  '/etc/ldap-yaml',
  '/etc/ldapXconf',
  '/var/run/docker.sock',
  '/home/data/project',
  'data/project',
];

export const SAFE_SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
export const UNSAFE_SYSCTLS = [
  'kernel.msgmax',
  'kernel.sem',
  'net.core.somaxconn',
  'net.ipv4.tcp_syncookies2',
  'fs.mqueue.msg_max',
  'kernel/shm_rmid_forced',
];

export const DROPS = ['ALL', 'NET_RAW', 'CHOWN', 'MKNOD', 'all', '*'];
export const ADDS = ['CHOWN', 'NET_BIND_SERVICE', 'SYS_ADMIN', 'ALL', 'all', '*'];

/** Sources of volumes; `hostPath` is made of the paths above. */
export const ALLOWED_VOLUMES: readonly Readonly<Record<string, unknown>>[] = [
  { emptyDir: {} },
  { emptyDir: { medium: 'Memory' } },
  { configMap: { name: 'settings' } },
  { secret: { secretName: 'password' } },
  { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
  { projected: { sources: [{ configMap: { name: 'settings' } }, { secret: { name: 'password' } }] } },
  { persistentVolumeClaim: { claimName: 'data' } },
  {}, // which the API server makes an emptyDir of
];
export const FORBIDDEN_VOLUMES: readonly Readonly<Record<string, unknown>>[] = [
  { nfs: { server: 'nfs.example.org', path: '/srv' } },
  { csi: { driver: 'csi.example.org' } },
  { ephemeral: { volumeClaimTemplate: { spec: claim() } } },
  { gitRepo: { repository: 'https://example.org/repository' } },
  { iscsi: { targetPortal: '10.0.0.1:3260', iqn: 'iqn.2001-04.org.example:disk', lun: 0 } },
  { cephfs: { monitors: ['10.0.0.1:6789'] } },
  { rbd: { monitors: ['10.0.0.1:6789'], image: 'image' } },
  { flexVolume: { driver: 'example.org/flex' } },
  { glusterfs: { endpoints: 'gluster', path: 'volume' } },
];

function claim(): object {
  return { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
}

/** Users and groups that are not the tool's. */
export function otherIds(uid: number): number[] {
  return [0, 1, uid - 1, uid + 1, 65_535, 2_147_483_647];
}

export const ALLOWED_GROUPS = [1, 2, 50_380, 65_535];
/** Too small, too large, far too large. */
export const FORBIDDEN_GROUPS = [0, 65_536, 2_147_483_647];

export const FORBIDDEN_SECCOMP: readonly object[] = [
  { type: 'Unconfined' },
  { type: 'Localhost', localhostProfile: 'profiles/audit.json' },
];
