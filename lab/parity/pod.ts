/** A pod as far as the oracle looks into it: what PodSecurityPolicy governs. */
export interface Pod {
  readonly metadata?: PodMetadata;
  readonly spec: PodSpec;
}

export interface PodMetadata {
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

export interface PodSpec {
  readonly securityContext?: PodSecurityContext;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly [field: string]: unknown;
}

export interface PodSecurityContext {
  readonly supplementalGroups?: readonly number[];
  readonly [field: string]: unknown;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly securityContext?: ContainerSecurityContext;
  readonly ports?: readonly object[];
  readonly volumeMounts?: readonly Mount[];
  readonly [field: string]: unknown;
}

export interface ContainerSecurityContext {
  readonly procMount?: string;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly [field: string]: unknown;
}

export interface Volume {
  readonly name: string;
  readonly [source: string]: unknown;
}

export interface Mount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly?: boolean;
}

/** Both kinds of containers that a pod can be created with. */
export const CONTAINER_LISTS = ['containers', 'initContainers'] as const;

/** The pod with every container changed. */
export function mapContainers(pod: Pod, change: (container: Container) => Container): Pod {
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map(change),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(change) }),
    },
  };
}
