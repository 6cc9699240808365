import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { Failure } from '../../lib/errors.ts';
import { readFileIfExists, writeFileIfChanged } from '../../lib/files.ts';

export interface LdapFiles {
  readonly config: string;
  readonly schema: string;
  /** Directory of the database. */
  readonly database: string;
  /** The server's unix socket, for our own commands. */
  readonly socket: string;
  readonly writerPassword: string;
  readonly readerPassword: string;
  /** What a reading client needs, in the form of production's /etc/ldap.yaml. */
  readonly clientConfig: string;
}

/** A socket's path has 104 bytes on macOS and 108 on Linux, the last of them zero. */
const MAX_SOCKET_PATH = 103;

/**
 * Where everything is, below the server's own directory.
 * @throws Failure when the directory's path is too long for a socket
 */
export function ldapFiles(directory: string): LdapFiles {
  const socket = path.join(directory, 'slapd.sock');
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    throw new Failure({
      kind: 'environment',
      what: `The path ${socket} is too long for a Unix socket`,
      why: `a socket's path has at most ${MAX_SOCKET_PATH} bytes`,
      hint: 'Choose a shorter --name, or set XDG_STATE_HOME to a shorter directory.',
    });
  }
  return {
    config: path.join(directory, 'slapd.conf'),
    schema: path.join(directory, 'posix.schema'),
    database: path.join(directory, 'database'),
    socket,
    writerPassword: path.join(directory, 'writer.password'),
    readerPassword: path.join(directory, 'reader.password'),
    clientConfig: path.join(directory, 'ldap.yaml'),
  };
}

/** The password in that file; made, random, when there is none yet. */
export async function makePassword(file: string): Promise<string> {
  const known = await readPassword(file);
  if (known !== undefined) return known;
  const made = randomBytes(24).toString('base64url');
  await writeFileIfChanged(file, `${made}\n`);
  return made;
}

export async function readPassword(file: string): Promise<string | undefined> {
  const text = (await readFileIfExists(file))?.trim();
  return text === '' ? undefined : text;
}

/**
 * The password as slapd stores it, `{SSHA}`. The salt comes from the password, so that the same password gives the
 * same text and nothing is rewritten; that is safe because our passwords are random and long, and each is used once.
 */
export function passwordHash(password: string): string {
  const salt = createHash('sha256').update(`salt ${password}`).digest().subarray(0, 8);
  const digest = createHash('sha1').update(password).update(salt).digest();
  return `{SSHA}${Buffer.concat([digest, salt]).toString('base64')}`;
}
