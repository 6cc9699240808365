/** The tool that a workload belongs to. */
export interface Tool {
  readonly name: string;
  /** `tool-<name>` */
  readonly namespace: string;
  readonly uid: number;
  /** As pods see it: `/data/project/<name>`. */
  readonly home: string;
}

/** What the names of Toolforge's own images begin with. */
const IMAGES = 'docker-registry.tools.wmflabs.org/toolforge';

/**
 * One of Toolforge's own images, `python3.11-sssd-web`; or what stands in for all of them where pods really run and no
 * registry is asked.
 */
export function ownImage(name: string, standIn: string | undefined): string {
  return standIn ?? `${IMAGES}-${name}:latest`;
}

/**
 * How the generators of 2024 wrote pods: without a word about security; since stage 1 of the migration with the context
 * that the policy asks for; and, for a few weeks of it, with the name of a Go constant in place of `procMount: Default`.
 */
export const GENERATIONS = ['before', 'explicit', 'default-proc-mount'] as const;
export type Generation = (typeof GENERATIONS)[number];
