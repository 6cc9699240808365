import { pino, type Logger } from 'pino';
import { Failure, messageOf } from '../../lib/errors.ts';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** One JSON object a line. Nothing of a key, a password or a certificate is ever handed to it. */
export function createLog(level: string, descriptor: 1 | 2): Log {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: descriptor, sync: true }),
  );
}

/** What is said of an error: of an expected failure what and why, of a bug its stack. */
export function errorFields(error: unknown): Readonly<Record<string, string | undefined>> {
  if (error instanceof Failure) return { error: error.what, why: error.why };
  return { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined };
}

/** The same as one line, for status and reports. */
export function errorLine(error: unknown): string {
  return messageOf(error).replaceAll(/\s+/g, ' ').slice(0, 300);
}
