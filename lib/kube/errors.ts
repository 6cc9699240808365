import { Failure } from '../errors.ts';

/** What the API server answered instead of what was asked for: the fields of its `Status`. */
export class KubeError extends Failure {
  /** The HTTP status, or 0 when no answer came at all. */
  readonly status: number;
  /** The machine-readable reason: `NotFound`, `AlreadyExists`, `Forbidden` … */
  readonly reason: string;

  constructor(request: string, status: number, reason: string, message: string, cause?: unknown) {
    super({
      kind: 'cluster',
      what: `${request} was answered ${status === 0 ? 'not at all' : `${status} ${reason}`.trim()}`,
      why: message,
      hint: 'Look at `npm run status` and `npm run logs kube-apiserver`.',
      cause,
    });
    this.name = 'KubeError';
    this.status = status;
    this.reason = reason;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

/** The answer, or undefined where what the request is about is not there. */
export async function ifFound<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export function isAlreadyExists(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409 && error.reason === 'AlreadyExists';
}

/** Builds the error from a response body, which is a `Status` object unless something before the API answered. */
export function errorFromResponse(request: string, status: number, body: string): KubeError {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) {
      const { message, reason } = parsed as { message: unknown; reason?: unknown };
      return new KubeError(request, status, typeof reason === 'string' ? reason : '', String(message));
    }
  } catch {
    // Not JSON: fall through to the text itself.
  }
  return new KubeError(request, status, '', body.slice(0, 500).trim());
}
