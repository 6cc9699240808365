import type { PolicyProfile } from '../../../cluster/spec.ts';

/** A pair of minimal pods about one thing that a template rules: one that it must admit, one that it must refuse. */
export interface Probe {
  readonly about: string;
  /** `spec` of the pods; both have one container unless they say otherwise. */
  readonly allowed: object;
  readonly refused: object;
  /** Absent: any. */
  readonly fromKubernetes?: number;
}

const container = (fields: object): object => ({ name: 'probe', image: 'probe', ...fields });
const withContext = (securityContext: object): object => ({ containers: [container({ securityContext })] });
const inInit = (securityContext: object): object => ({
  initContainers: [{ name: 'init', image: 'probe', securityContext }],
});
const pod = (securityContext: object): object => ({ securityContext });

/** The pods that tell whether each rule of a template does what it is for, to a tool with this uid. */
export function probesOf(profile: PolicyProfile, uid: number): readonly Probe[] {
  return [...common(uid), ...(profile === 'psp' ? psp(uid) : toolforge())];
}

function common(uid: number): Probe[] {
  const pair = (about: string, allowed: object, refused: object): Probe => ({ about, allowed, refused });
  return [
    pair('fsGroup', pod({ fsGroup: uid }), pod({ fsGroup: uid + 1 })),
    pair('runAsUser of the pod', pod({ runAsUser: uid }), pod({ runAsUser: 0 })),
    pair('runAsGroup of the pod', pod({ runAsGroup: uid }), pod({ runAsGroup: 0 })),
    pair(
      'seccompProfile of the pod',
      pod({ seccompProfile: { type: 'RuntimeDefault' } }),
      pod({ seccompProfile: { type: 'Unconfined' } }),
    ),
    pair('runAsUser', withContext({ runAsUser: uid }), withContext({ runAsUser: uid + 1 })),
    pair('runAsGroup', withContext({ runAsGroup: uid }), withContext({ runAsGroup: uid + 1 })),
    pair('runAsUser of an init container', inInit({ runAsUser: uid }), inInit({ runAsUser: 0 })),
    // The one without the other is no valid container.
    pair(
      'privileged',
      withContext({ privileged: false }),
      withContext({ privileged: true, allowPrivilegeEscalation: true }),
    ),
    pair(
      'allowPrivilegeEscalation',
      withContext({ allowPrivilegeEscalation: false }),
      withContext({ allowPrivilegeEscalation: true }),
    ),
  ];
}

function toolforge(): Probe[] {
  return [
    {
      about: 'runAsNonRoot of the pod',
      allowed: pod({ runAsNonRoot: true }),
      refused: pod({ runAsNonRoot: false }),
    },
    {
      about: 'runAsNonRoot',
      allowed: withContext({ runAsNonRoot: true }),
      refused: withContext({ runAsNonRoot: false }),
    },
    {
      about: 'readOnlyRootFilesystem',
      allowed: withContext({ readOnlyRootFilesystem: false }),
      refused: withContext({ readOnlyRootFilesystem: true }),
    },
  ];
}

function psp(uid: number): Probe[] {
  const mounted = (path: string, readOnly: boolean): object => ({
    volumes: [{ name: 'v', hostPath: { path } }],
    containers: [container({ volumeMounts: [{ name: 'v', mountPath: '/v', readOnly }] })],
  });
  const sysctl = (name: string): object => pod({ sysctls: [{ name, value: '1' }] });
  return [
    { about: 'hostNetwork', allowed: { hostNetwork: false }, refused: { hostNetwork: true } },
    { about: 'hostPID', allowed: { hostPID: false }, refused: { hostPID: true } },
    { about: 'hostIPC', allowed: { hostIPC: false }, refused: { hostIPC: true } },
    {
      about: 'supplementalGroups from',
      allowed: pod({ supplementalGroups: [1] }),
      refused: pod({ supplementalGroups: [0] }),
    },
    {
      about: 'supplementalGroups to',
      allowed: pod({ supplementalGroups: [65_535] }),
      refused: pod({ supplementalGroups: [uid, 65_536] }),
    },
    { about: 'sysctls', allowed: sysctl('kernel.shm_rmid_forced'), refused: sysctl('kernel.msgmax') },
    {
      about: 'types of volumes',
      allowed: { volumes: [{ name: 'v', emptyDir: {} }] },
      refused: { volumes: [{ name: 'v', nfs: { server: 'nfs', path: '/' } }] },
    },
    {
      about: 'host paths',
      allowed: mounted('/data/project/x', false),
      refused: mounted('/data/projects', false),
    },
    {
      about: 'wildcards in host paths',
      allowed: mounted('/data/project/*', false),
      refused: mounted('/*', false),
    },
    {
      about: 'host paths to read',
      allowed: mounted('/public/dumps', true),
      refused: mounted('/public/dumps', false),
    },
    {
      about: 'seccompProfile',
      allowed: withContext({ seccompProfile: { type: 'RuntimeDefault' } }),
      refused: withContext({ seccompProfile: { type: 'Unconfined' } }),
    },
    {
      about: 'added capabilities',
      allowed: withContext({ capabilities: { drop: ['CHOWN'] } }),
      refused: withContext({ capabilities: { add: ['CHOWN'] } }),
    },
    {
      about: 'host ports',
      allowed: { containers: [container({ ports: [{ containerPort: 8000 }] })] },
      refused: { containers: [container({ ports: [{ containerPort: 8000, hostPort: 8000 }] })] },
    },
    {
      about: 'procMount',
      // Before it became a feature by default, the API server itself made `Default` of any value.
      fromKubernetes: 33,
      allowed: { hostUsers: false, ...withContext({ procMount: 'Default' }) },
      refused: { hostUsers: false, ...withContext({ procMount: 'Unmasked' }) },
    },
  ];
}
