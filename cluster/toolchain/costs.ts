const MIB = 1024 ** 2;

/**
 * Bytes for one compiled package: 0.6 to 1.2 MiB in Go's build cache, and as much again in its work directory, where
 * Go keeps all of them until it ends (measured with etcd, kyverno and kubernetes).
 */
const BYTES_PER_PACKAGE = 2.4 * MIB;
/** Bytes for one program: in Go's work directory and where it is kept (the largest, kyverno, has 131 MiB). */
const BYTES_PER_BINARY = 2 * 140 * MIB;

/** The disk space, in bytes, that compiling so many packages into so many programs takes. */
export function spaceForBuild(packages: number, binaries: number): number {
  return packages * BYTES_PER_PACKAGE + binaries * BYTES_PER_BINARY;
}

export interface BuildCost {
  /** On two cores that do nothing else, downloads included. */
  readonly seconds: number;
  /** Disk that stays in use: sources, compiled packages, programs. */
  readonly bytes: number;
  /** Disk that is in use only while the build goes on. */
  readonly temporaryBytes: number;
}

/**
 * What a build of each module takes from empty caches, with the programs that a cluster needs. Measured with Go 1.26
 * on two cores: an expectation for `doctor`, not a promise.
 */
const COSTS: Readonly<Record<string, BuildCost>> = {
  'kubernetes-1.33.13': cost(285, 3_850, 2_980),
  'kubernetes-1.24.17': cost(440, 4_700, 2_840),
  'etcd-3.6.16': cost(50, 660, 340),
  'kyverno-1.18.2': cost(315, 5_220, 2_540),
  'kyverno-1.12.5': cost(165, 4_700, 2_220),
  'kwok-0.7.0': cost(97, 1_220, 815),
  'helm-3.20.2': cost(55, 615, 370),
  'kind-0.31.0': cost(19, 250, 200),
  'coredns-1.14.7': cost(121, 2_800, 1_180),
};

function cost(seconds: number, mebibytes: number, temporary: number): BuildCost {
  return { seconds, bytes: mebibytes * MIB, temporaryBytes: temporary * MIB };
}

/** Of a module that nobody measured: as the largest. */
export function buildCost(moduleId: string): BuildCost {
  return COSTS[moduleId] ?? cost(440, 5_220, 2_980);
}

/** Of building several modules one after the other. */
export function totalCost(costs: readonly BuildCost[]): BuildCost {
  return {
    seconds: costs.reduce((sum, { seconds }) => sum + seconds, 0),
    bytes: costs.reduce((sum, { bytes }) => sum + bytes, 0),
    temporaryBytes: Math.max(0, ...costs.map(({ temporaryBytes }) => temporaryBytes)),
  };
}
