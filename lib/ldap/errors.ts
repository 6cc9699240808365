import { Failure, messageOf } from '../errors.ts';

/** Result codes of RFC 4511 (4.1.9) that callers act on. */
export const RESULT = {
  /** Ours: no answer came (refused, cut off, timed out). LDAP itself has no negative codes. */
  noAnswer: -1,
  sizeLimitExceeded: 4,
  noSuchObject: 32,
  invalidCredentials: 49,
  insufficientAccess: 50,
  entryAlreadyExists: 68,
} as const;

/** What the LDAP server answered instead of what was asked for. */
export class LdapError extends Failure {
  /** The result code, or `RESULT.noAnswer`. */
  readonly code: number;

  constructor(request: string, code: number, message: string, cause?: unknown) {
    super({
      kind: 'cluster',
      what:
        code === RESULT.noAnswer
          ? `LDAP did not answer ${request}`
          : `LDAP refused ${request} with code ${code}`,
      why: message,
      hint: 'Look at `npm run status` and `npm run logs slapd`.',
      cause,
    });
    this.name = 'LdapError';
    this.code = code;
  }
}

export function isNoAnswer(error: unknown): boolean {
  return error instanceof LdapError && error.code === RESULT.noAnswer;
}

export function isNoSuchObject(error: unknown): boolean {
  return error instanceof LdapError && error.code === RESULT.noSuchObject;
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof LdapError && error.code === RESULT.entryAlreadyExists;
}

/** Turns what ldapts throws into ours: its result code errors carry `code`, everything else means no answer. */
export function ldapErrorOf(request: string, error: unknown): LdapError {
  const answered =
    error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
  return new LdapError(request, answered ?? RESULT.noAnswer, messageOf(error).trim(), error);
}
