/** A host path that volume-admission shows to tools' pods, with its mode. */
interface HostPath {
  readonly name: string;
  readonly path: string;
  readonly type: 'Directory' | 'DirectoryOrCreate' | 'File';
  readonly readOnly?: true;
}

/** Those of TOOLFORGE.md, section 3, with the modes of the PodSecurityPolicy. */
const HOST_PATHS: readonly HostPath[] = [
  { name: 'home', path: '/data/project', type: 'Directory' },
  { name: 'scratch', path: '/data/scratch', type: 'Directory' },
  { name: 'sssd-pipes', path: '/var/lib/sss/pipes', type: 'Directory' },
  { name: 'dumps', path: '/public/dumps', type: 'Directory', readOnly: true },
  { name: 'dumps-nfs', path: '/mnt/nfs/dumps-clouddumps1001', type: 'Directory', readOnly: true },
  { name: 'wmcs-project', path: '/etc/wmcs-project', type: 'File', readOnly: true },
  { name: 'etcldap-yaml', path: '/etc/ldap.yaml', type: 'File', readOnly: true },
  { name: 'etcldap-conf', path: '/etc/ldap.conf', type: 'File', readOnly: true },
  { name: 'novaobserver', path: '/etc/novaobserver.yaml', type: 'File', readOnly: true },
];

interface PodSpec {
  readonly containers?: unknown;
  readonly [field: string]: unknown;
}

/** The pod as volume-admission leaves it: with the shared file systems, and told where its home is. */
export function withStorage(spec: PodSpec, home: string): Readonly<Record<string, unknown>> {
  const mounts = HOST_PATHS.map(({ name, path, readOnly }) => ({
    name,
    mountPath: path,
    ...(readOnly === undefined ? {} : { readOnly }),
  }));
  const env = ['HOME', 'TOOL_DATA_DIR'].map((name) => ({ name, value: home }));
  const containers = (spec.containers ?? []) as readonly object[];
  return {
    ...spec,
    containers: containers.map((container) => ({ ...container, env, volumeMounts: mounts })),
    volumes: HOST_PATHS.map(({ name, path, type }) => ({ name, hostPath: { path, type } })),
    nodeSelector: { 'kubernetes.wmcloud.org/nfs-mounted': 'true' },
  };
}
