/** Bytes in Go's build cache for one compiled package, and in Go's work directory while it compiles (measured). */
const BYTES_PER_PACKAGE = 1.2 * 1024 ** 2;
/** Bytes of one program: once in Go's work directory, once where it is kept (the largest, kyverno, has 131 MiB). */
const BYTES_PER_BINARY = 2 * 140 * 1024 ** 2;

/** The disk space, in bytes, that compiling so many packages into so many programs takes. */
export function spaceForBuild(packages: number, binaries: number): number {
  return packages * BYTES_PER_PACKAGE + binaries * BYTES_PER_BINARY;
}

export interface BuildCost {
  /** On two cores that do nothing else, downloads included. */
  readonly seconds: number;
  /** Disk for sources, compiled packages and programs. */
  readonly bytes: number;
}

const MIB = 1024 ** 2;

/**
 * What a build of each module takes from empty caches, with the programs that a cluster needs. Measured with Go 1.26
 * on two cores: an expectation for `doctor`, not a promise.
 */
const COSTS: Readonly<Record<string, BuildCost>> = {
  'kubernetes-1.33.13': { seconds: 285, bytes: 3600 * MIB },
  'kubernetes-1.24.17': { seconds: 440, bytes: 3600 * MIB },
  'etcd-3.6.16': { seconds: 50, bytes: 900 * MIB },
  'kyverno-1.18.2': { seconds: 325, bytes: 5400 * MIB },
  'kyverno-1.12.5': { seconds: 165, bytes: 5400 * MIB },
  'kwok-0.7.0': { seconds: 97, bytes: 1500 * MIB },
  'helm-3.20.2': { seconds: 60, bytes: 1500 * MIB },
  'kind-0.31.0': { seconds: 19, bytes: 600 * MIB },
  'coredns-1.14.7': { seconds: 121, bytes: 2000 * MIB },
};

/** Of a module that nobody measured: as the largest. */
export function buildCost(moduleId: string): BuildCost {
  return COSTS[moduleId] ?? { seconds: 440, bytes: 5400 * MIB };
}
