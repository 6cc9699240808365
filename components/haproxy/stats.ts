import { createConnection } from 'node:net';
import { z } from 'zod';
import { Failure, messageOf, systemCode } from '../../lib/errors.ts';

/** What HAProxy says of one server; the words before a `1/2` that counts checks on the way to the other state. */
export type ServerState = 'up' | 'down' | 'drain' | 'maintenance' | 'unchecked';

export interface ServerStats {
  readonly name: string;
  readonly address: string;
  readonly state: ServerState;
  /** HAProxy's own words: `UP`, `DOWN 1/2`, `UP 1/2`. */
  readonly status: string;
  /** Seconds since the state last changed. */
  readonly seconds: number;
  /** What the last check found: `L7OK/200 in 3ms`, `L4CON in 0ms`; absent before the first. */
  readonly lastCheck?: string;
  /** While a server that came back is being warmed up: how much of its weight it has, in percent. */
  readonly slowStart?: number;
  readonly sessions: number;
  readonly queued: number;
  /** How often it went down since HAProxy (re)started. */
  readonly downs: number;
  /** Connections that failed, after HAProxy's own retries. */
  readonly connectionErrors: number;
}

export interface BackendStats {
  readonly name: string;
  readonly servers: readonly ServerStats[];
}

export interface ProxyStats {
  /** Names of the frontends that accept connections. */
  readonly frontends: readonly string[];
  readonly backends: readonly BackendStats[];
}

/** The columns of `show stat` that we read (management guide, section 9.1); all others are ignored. */
const row = z.object({
  pxname: z.string(),
  svname: z.string(),
  status: z.string(),
  addr: z.string().optional(),
  lastchg: z.string().optional(),
  check_status: z.string().optional(),
  check_code: z.string().optional(),
  check_duration: z.string().optional(),
  throttle: z.string().optional(),
  scur: z.string(),
  qcur: z.string().optional(),
  chkdown: z.string().optional(),
  econ: z.string().optional(),
});

type Row = z.infer<typeof row>;

/** Reads the statistics by the admin socket. */
export async function readStats(adminSocket: string): Promise<ProxyStats> {
  return parseStats(await askSocket(adminSocket, 'show stat'));
}

/** Parses the answer to `show stat`: comma-separated values under a header that starts with `# `. */
export function parseStats(text: string): ProxyStats {
  const rows = parseRows(text);
  const servers = rows.filter(({ svname }) => svname !== 'FRONTEND' && svname !== 'BACKEND');
  return {
    frontends: rows
      .filter(({ svname, status }) => svname === 'FRONTEND' && status === 'OPEN')
      .map(({ pxname }) => pxname),
    backends: rows
      .filter(({ svname }) => svname === 'BACKEND')
      .map(({ pxname }) => ({
        name: pxname,
        servers: servers.filter((server) => server.pxname === pxname).map(serverOf),
      })),
  };
}

function parseRows(text: string): Row[] {
  const [header, ...lines] = text.split('\n').filter((line) => line !== '');
  if (header?.startsWith('# ') !== true) {
    throw new Error(`HAProxy's answer to "show stat" is not a table: ${text.slice(0, 200)}`);
  }
  const names = splitLine(header.slice(2));
  return lines.map((line) => {
    const values = splitLine(line);
    return row.parse(Object.fromEntries(names.map((name, index) => [name, values[index] ?? ''])));
  });
}

/** One line of comma-separated values; a value that holds a comma is quoted, and its quotes are doubled. */
function splitLine(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

function serverOf(server: Row): ServerStats {
  const check = lastCheck(server);
  return {
    name: server.svname,
    address: server.addr ?? '',
    state: stateOf(server.status),
    status: server.status,
    seconds: Number(server.lastchg),
    sessions: Number(server.scur),
    queued: Number(server.qcur),
    downs: Number(server.chkdown),
    connectionErrors: Number(server.econ),
    ...(check === undefined ? {} : { lastCheck: check }),
    ...(isEmpty(server.throttle) || server.throttle === '100' ? {} : { slowStart: Number(server.throttle) }),
  };
}

/** `* L7OK` is a check under way, with the result before it; `INI` is none yet. */
function lastCheck({ check_status, check_code, check_duration }: Row): string | undefined {
  const status = check_status?.replace(/^\* /, '');
  if (status === undefined || status === '' || status === 'INI') return undefined;
  return `${status}${isEmpty(check_code) ? '' : `/${check_code}`} in ${check_duration ?? '0'}ms`;
}

function stateOf(status: string): ServerState {
  if (status.startsWith('UP')) return 'up';
  if (status.startsWith('DOWN')) return 'down';
  if (status.startsWith('DRAIN') || status.startsWith('NOLB')) return 'drain';
  if (status.startsWith('MAINT')) return 'maintenance';
  if (status === 'no check') return 'unchecked';
  throw new Error(`HAProxy reports a server state that it does not document: ${status}`);
}

function isEmpty(text: string | undefined): text is '' | undefined {
  return text === undefined || text === '';
}

/** How long HAProxy may take to answer on a socket: it does within a millisecond unless it hangs. */
const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Sends one command to one of HAProxy's sockets and returns the answer.
 * @throws Failure `cluster` when nobody answers there: HAProxy is not running
 */
export async function askSocket(socket: string, command: string): Promise<string> {
  try {
    return await new Promise((resolve, reject) => {
      let answer = '';
      const connection = createConnection(socket);
      connection.setEncoding('utf8');
      connection.setTimeout(ANSWER_TIMEOUT_MS, () => {
        connection.destroy(new Error(`no answer to "${command}" in ${ANSWER_TIMEOUT_MS} ms`));
      });
      // Our end is closed at once: the master's socket would otherwise wait for more commands.
      connection.on('connect', () => connection.end(`${command}\n`));
      connection.on('data', (chunk: string) => (answer += chunk));
      connection.on('close', () => {
        resolve(answer);
      });
      connection.on('error', reject);
    });
  } catch (error) {
    const absent = systemCode(error) === 'ENOENT' || systemCode(error) === 'ECONNREFUSED';
    throw new Failure({
      kind: 'cluster',
      what: absent ? 'HAProxy is not running' : 'HAProxy does not answer on its socket',
      why: messageOf(error),
      hint: 'Look at `npm run logs haproxy`, or run `npm run up` again.',
      cause: error,
    });
  }
}
