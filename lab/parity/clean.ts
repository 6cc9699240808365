import fc, { type Arbitrary } from 'fast-check';
import type { Container, Mount, Pod, Volume } from './pod.ts';
import {
  ALLOWED_GROUPS,
  ALLOWED_VOLUMES,
  DROPS,
  READ_ONLY_PATHS,
  SAFE_SYSCTLS,
  WRITABLE_PATHS,
} from './values.ts';

const RUNTIME_DEFAULT = { type: 'RuntimeDefault' };

/** Absent, or one of these: absent is what a counterexample shrinks to. */
export function maybe<T>(...values: readonly T[]): Arbitrary<T | undefined> {
  return fc.option(fc.constantFrom(...values), { nil: undefined });
}

/** Pods that the tool's PodSecurityPolicy admits: all that it governs is absent or allowed, in many ways. */
export function cleanPod(uid: number): Arbitrary<Pod> {
  return fc
    .record({
      volumes: fc.array(fc.oneof(hostPaths(), plainVolumes()), { maxLength: 3 }),
      containers: fc.array(container(uid), { minLength: 1, maxLength: 3 }),
      initContainers: fc.array(container(uid), { maxLength: 2 }),
      securityContext: fc.option(podSecurityContext(uid), { nil: undefined }),
      hostNetwork: maybe(false),
      hostPID: maybe(false),
      hostIPC: maybe(false),
      shareProcessNamespace: maybe(true, false),
      automountServiceAccountToken: maybe(false),
      annotations: maybe(
        { 'seccomp.security.alpha.kubernetes.io/pod': 'runtime/default' },
        { 'seccomp.security.alpha.kubernetes.io/pod': 'docker/default' },
        { 'container.apparmor.security.beta.kubernetes.io/c0': 'runtime/default' },
        { 'toolforge.org/started-at': '2024-03-01' },
      ),
      readOnly: fc.boolean(),
    })
    .map(assemble);
}

interface Parts {
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
  readonly containers: readonly Omit<Container, 'name' | 'image'>[];
  readonly initContainers: readonly Omit<Container, 'name' | 'image'>[];
  readonly annotations: Readonly<Record<string, string>> | undefined;
  /** Whether also writable host paths are mounted readOnly. */
  readonly readOnly: boolean;
  readonly [field: string]: unknown;
}

/** Names everything, and mounts every volume in every container: where it must be read-only, so. */
function assemble(parts: Parts): Pod {
  const { volumes, containers, initContainers, annotations, readOnly, ...rest } = parts;
  const named = volumes.map((source, index): Volume => ({ name: `v${index}`, ...source }));
  const mounts = named.map((volume): Mount => mountOf(volume, readOnly));
  const name =
    (prefix: string) =>
    (made: Omit<Container, 'name' | 'image'>, index: number): Container => ({
      name: `${prefix}${index}`,
      image: 'x',
      ...made,
      ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    });
  return withoutUndefined({
    metadata: annotations === undefined ? undefined : { annotations },
    spec: {
      ...rest,
      containers: containers.map(name('c')),
      initContainers: initContainers.length === 0 ? undefined : initContainers.map(name('i')),
      volumes: named.length === 0 ? undefined : named,
    },
  });
}

/** How the volume is mounted so that PodSecurityPolicy has nothing to say. */
export function mountOf(volume: Volume, readOnly: boolean): Mount {
  const { path = '' } = (volume['hostPath'] ?? {}) as { path?: string };
  const mustBe = READ_ONLY_PATHS.includes(path);
  return {
    name: volume.name,
    mountPath: `/${volume.name}`,
    ...(mustBe || readOnly ? { readOnly: true } : {}),
  };
}

function hostPaths(): Arbitrary<Readonly<Record<string, unknown>>> {
  return fc.constantFrom(...WRITABLE_PATHS, ...READ_ONLY_PATHS).map((path) => ({ hostPath: { path } }));
}

const plainVolumes = (): Arbitrary<Readonly<Record<string, unknown>>> => fc.constantFrom(...ALLOWED_VOLUMES);

function podSecurityContext(uid: number): Arbitrary<object> {
  return fc.record({
    runAsUser: maybe(uid),
    runAsGroup: maybe(uid),
    fsGroup: maybe(uid),
    supplementalGroups: fc.option(fc.uniqueArray(fc.constantFrom(...ALLOWED_GROUPS), { minLength: 1 }), {
      nil: undefined,
    }),
    seccompProfile: maybe(RUNTIME_DEFAULT),
    // Neither is governed, so both may be anything.
    runAsNonRoot: maybe(true, false),
    seLinuxOptions: maybe({ level: 's0:c1,c2' }, { user: 'u', role: 'r', type: 't' }),
    fsGroupChangePolicy: maybe('Always', 'OnRootMismatch'),
    sysctls: fc.option(
      fc
        .uniqueArray(fc.constantFrom(...SAFE_SYSCTLS), { minLength: 1, maxLength: 2 })
        .map((names) => names.map((name) => ({ name, value: '1' }))),
      { nil: undefined },
    ),
  });
}

function container(uid: number): Arbitrary<Omit<Container, 'name' | 'image'>> {
  return fc.record({
    securityContext: fc.option(containerSecurityContext(uid), { nil: undefined }),
    ports: maybe([{ containerPort: 8000 }], [{ containerPort: 8000, hostPort: 0 }, { containerPort: 8001 }]),
  });
}

function containerSecurityContext(uid: number): Arbitrary<object> {
  const drop = fc.uniqueArray(fc.constantFrom(...DROPS), { maxLength: 3 });
  return fc.record({
    privileged: maybe(false),
    allowPrivilegeEscalation: maybe(false),
    readOnlyRootFilesystem: maybe(true, false),
    runAsUser: maybe(uid),
    runAsGroup: maybe(uid),
    runAsNonRoot: maybe(true, false),
    seccompProfile: maybe(RUNTIME_DEFAULT),
    procMount: maybe('Default'),
    seLinuxOptions: maybe({ level: 's0:c1,c2' }),
    capabilities: fc.option(
      fc.oneof(
        fc.constant({}),
        fc.constant({ add: [] }),
        drop.map((list) => ({ drop: list })),
      ),
      {
        nil: undefined,
      },
    ),
  });
}

/** What JSON would leave out is left out, so that a counterexample is printed as it was sent. */
export function withoutUndefined(pod: object): Pod {
  return JSON.parse(JSON.stringify(pod)) as Pod;
}
