import fc, { type Arbitrary } from 'fast-check';
import { withoutUndefined } from './clean.ts';
import { CONTAINER_LISTS, type Container, type Pod } from './pod.ts';
import {
  ADDS,
  FORBIDDEN_GROUPS,
  FORBIDDEN_PATHS,
  FORBIDDEN_SECCOMP,
  FORBIDDEN_VOLUMES,
  READ_ONLY_PATHS,
  UNSAFE_SYSCTLS,
  otherIds,
} from './values.ts';

/** One thing that is done to a pod, most often something forbidden. Fewer of them make a smaller counterexample. */
export interface Sin {
  readonly what: string;
  apply(pod: Pod): Pod;
}

/** What may be wrong with a pod itself, with its volumes, and with one of its containers. */
export function sins(uid: number): Arbitrary<Sin> {
  return fc.oneof(
    { weight: 3, arbitrary: podSins(uid) },
    { weight: 2, arbitrary: volumeSins() },
    { weight: 4, arbitrary: containerSins(uid) },
  );
}

function podSins(uid: number): Arbitrary<Sin> {
  const field = (name: string, ...values: readonly unknown[]): Arbitrary<Sin> =>
    fc.constantFrom(...values).map((value) => ({
      what: `pod ${name} ${JSON.stringify(value)}`,
      apply: (pod) => ({
        ...pod,
        spec: { ...pod.spec, securityContext: { ...pod.spec.securityContext, [name]: value } },
      }),
    }));
  const spec = (name: string, ...values: readonly unknown[]): Arbitrary<Sin> =>
    fc.constantFrom(...values).map((value) => ({
      what: `${name} ${JSON.stringify(value)}`,
      apply: (pod) => ({ ...pod, spec: { ...pod.spec, [name]: value } }),
    }));
  const annotation = (name: string, ...values: readonly string[]): Arbitrary<Sin> =>
    fc.constantFrom(...values).map((value) => ({
      what: `${name}: ${value}`,
      apply: (pod) => ({
        ...pod,
        metadata: { ...pod.metadata, annotations: { ...pod.metadata?.annotations, [name]: value } },
      }),
    }));
  const groups = FORBIDDEN_GROUPS.flatMap((group) => [[group], [1, group], [group, 65_535]]);
  return fc.oneof(
    field('runAsUser', ...otherIds(uid)),
    field('runAsGroup', ...otherIds(uid)),
    field('fsGroup', ...otherIds(uid)),
    field('supplementalGroups', [], ...groups),
    field('seccompProfile', ...FORBIDDEN_SECCOMP),
    field('windowsOptions', { hostProcess: true }),
    fc.constantFrom(...UNSAFE_SYSCTLS).chain((name) =>
      field(
        'sysctls',
        [{ name, value: '1' }],
        [
          { name: 'kernel.shm_rmid_forced', value: '1' },
          { name, value: '1' },
        ],
      ),
    ),
    spec('hostNetwork', true),
    spec('hostPID', true),
    spec('hostIPC', true),
    annotation('seccomp.security.alpha.kubernetes.io/pod', 'unconfined', 'localhost/profiles/audit.json'),
    annotation('container.seccomp.security.alpha.kubernetes.io/c0', 'unconfined', 'runtime/default'),
  );
}

/** A volume of a forbidden kind or path, or one that may only be read and is mounted to write somewhere. */
function volumeSins(): Arbitrary<Sin> {
  const add = (source: Readonly<Record<string, unknown>>, mount: 'none' | 'all' | 'last'): Sin => ({
    what: `volume ${JSON.stringify(source)} mounted in ${mount}`,
    apply(pod) {
      const name = `s${pod.spec.volumes?.length ?? 0}`;
      const added = {
        ...pod,
        spec: { ...pod.spec, volumes: [...(pod.spec.volumes ?? []), { name, ...source }] },
      };
      const places = containersOf(pod);
      const chosen = mount === 'none' ? [] : mount === 'all' ? places : places.slice(-1);
      return chosen.reduce<Pod>(
        (changed, place) =>
          changeContainer(changed, place, (container) => ({
            ...container,
            volumeMounts: [...(container.volumeMounts ?? []), { name, mountPath: `/${name}` }],
          })),
        added,
      );
    },
  });
  const mounts = fc.constantFrom('none' as const, 'all' as const, 'last' as const);
  const sources = fc.oneof(
    fc.constantFrom(...FORBIDDEN_VOLUMES),
    fc.constantFrom(...FORBIDDEN_PATHS, ...READ_ONLY_PATHS).map((path) => ({ hostPath: { path } })),
  );
  return fc.tuple(sources, mounts).map(([source, mount]) => add(source, mount));
}

function containerSins(uid: number): Arbitrary<Sin> {
  const field = (
    name: string,
    ...values: readonly unknown[]
  ): Arbitrary<(container: Container) => Container> =>
    fc.constantFrom(...values).map((value) => (container: Container) => ({
      ...container,
      securityContext: { ...container.securityContext, [name]: value },
    }));
  const ports = fc.constantFrom(1, 80, 65_535).map((hostPort) => (container: Container) => ({
    ...container,
    ports: [...(container.ports ?? []), { containerPort: 9000, hostPort }],
  }));
  const added = fc
    .uniqueArray(fc.constantFrom(...ADDS), { minLength: 1, maxLength: 2 })
    .chain((add) =>
      fc
        .constantFrom({ add }, { add, drop: ['ALL'] })
        .chain((capabilities) => field('capabilities', capabilities)),
    );
  const changes = fc.oneof(
    field('privileged', true),
    field('allowPrivilegeEscalation', true),
    field('runAsUser', ...otherIds(uid)),
    field('runAsGroup', ...otherIds(uid)),
    field('seccompProfile', ...FORBIDDEN_SECCOMP),
    field('procMount', 'Unmasked', 'DefaultProcMount', ''),
    field('windowsOptions', { hostProcess: true }, { runAsUserName: 'tool' }),
    added,
    ports,
  );
  return fc.tuple(fc.nat(4), changes).map(([index, change]) => ({
    what: `container ${index}`,
    apply(pod) {
      const places = containersOf(pod);
      const place = places[index % places.length];
      return place === undefined ? pod : changeContainer(pod, place, change);
    },
  }));
}

type Place = readonly [list: (typeof CONTAINER_LISTS)[number], index: number];

function containersOf(pod: Pod): Place[] {
  return CONTAINER_LISTS.flatMap((list) => (pod.spec[list] ?? []).map((_, index): Place => [list, index]));
}

function changeContainer(pod: Pod, [list, at]: Place, change: (container: Container) => Container): Pod {
  const containers = (pod.spec[list] ?? []).map((container, index) =>
    index === at ? change(container) : container,
  );
  return { ...pod, spec: { ...pod.spec, [list]: containers } };
}

/** The pod with all of that done to it. */
export function withSins(pod: Pod, list: readonly Sin[]): Pod {
  return withoutUndefined(list.reduce((changed, sin) => sin.apply(changed), pod));
}
