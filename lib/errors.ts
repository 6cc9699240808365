/**
 * Expected failures: things that go wrong on somebody's machine and that they can act on. A bug stays a plain
 * Error with its stack. `lib/cli.ts` is the one place that renders either and sets the exit code.
 */

/** What kind of failure it is; each kind has an exit code of its own, listed in README. */
export type FailureKind =
  'usage' | 'environment' | 'cluster' | 'busy' | 'foreign' | 'incomplete' | 'interrupted';

const EXIT_CODES: Readonly<Record<FailureKind, number>> = {
  usage: 2, // the command line or a settings file
  environment: 3, // this machine: a missing tool, a taken port, no disk, no network
  cluster: 4, // the cluster: a process that dies, a deadline that passed, a refused request
  busy: 5, // another command is at work on the same thing
  foreign: 6, // the cluster is not one that we made
  incomplete: 7, // the work ended with some objects failed
  interrupted: 130, // Ctrl-C or SIGTERM
};

export interface FailureDetails {
  readonly kind: FailureKind;
  /** What failed, on what: one sentence without a full stop. */
  readonly what: string;
  /** Why: the tool's own last lines, or a sentence. */
  readonly why?: string;
  /** What the person should do next. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class Failure extends Error {
  readonly kind: FailureKind;
  readonly what: string;
  readonly why: string | undefined;
  readonly hint: string | undefined;

  constructor(details: FailureDetails) {
    super(details.why === undefined ? details.what : `${details.what}: ${details.why}`, {
      cause: details.cause,
    });
    this.name = 'Failure';
    this.kind = details.kind;
    this.what = details.what;
    this.why = details.why;
    this.hint = details.hint;
  }

  get exitCode(): number {
    return EXIT_CODES[this.kind];
  }
}

/** The failure that Ctrl-C and SIGTERM turn into; what is left is always safe to run again. */
export function interrupted(): Failure {
  return new Failure({
    kind: 'interrupted',
    what: 'Interrupted',
    hint: 'Run the same command again to go on from here.',
  });
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node system error (`ENOENT`, `EADDRINUSE` …), else undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
