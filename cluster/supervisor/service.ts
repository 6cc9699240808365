/** A long-running host process: what the supervisor keeps running. */
export interface Service {
  /** `kube-apiserver-1`; the name of its directory and in `npm run logs`. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment besides PATH and HOME: nothing of the user's shell leaks into a service. */
  readonly env?: Readonly<Record<string, string>>;
  /** Absolute paths of `cgroup.procs` files that the process puts itself into before it starts. */
  readonly cgroups?: readonly string[];
  /** Restart when the content of these files changed, though the command line did not (configuration files). */
  readonly files?: readonly string[];
  readonly workingDirectory?: string;
  /** How many files it may have open (soft limit). For programs that size their tables by the limit, as slapd does. */
  readonly openFiles?: number;
  /** It does not end on SIGTERM, and keeps nothing that would be lost: it is killed. */
  readonly killed?: boolean;
  /** Nobody waits for what it does: it takes the processor time that other services leave. */
  readonly yields?: boolean;
}

export interface ServiceStatus {
  readonly name: string;
  /** Absent while it is down. */
  readonly pid?: number;
  /** Seconds since it went up or down. */
  readonly seconds: number;
  /** Whether it is meant to run. */
  readonly wanted: boolean;
  /** How often it ended by itself since it was last started by a command. */
  readonly deaths: number;
}

/** Keeps services running, restarts what dies, and keeps their logs from flooding the disk. */
export interface Supervisor {
  /**
   * Brings services to these definitions and has them run. A service restarts only when its definition or one of
   * its files changed. Returns the names of those that were (re)started.
   */
  apply(services: readonly Service[]): Promise<readonly string[]>;
  /** Stops services and waits for their processes to be gone; the definitions stay. */
  stop(names: readonly string[]): Promise<void>;
  /** Starts stopped services again. */
  start(names: readonly string[]): Promise<void>;
  /** Stops services and removes their definitions. Logs stay. */
  remove(names: readonly string[]): Promise<void>;
  /** Names of all defined services, in order. */
  names(): Promise<readonly string[]>;
  status(names?: readonly string[]): Promise<readonly ServiceStatus[]>;
  /** The end of a service's log. */
  lastLines(name: string, count: number): Promise<readonly string[]>;
  /** Throws the failure that a service which died repeatedly deserves: its last lines, and what to do. */
  assertAlive(name: string): Promise<void>;
  /** Stops everything, the supervisor itself last; no process is left. */
  shutdown(): Promise<void>;
}
