import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Failure, systemCode } from '../../lib/errors.ts';
import type { Metrics } from './metrics.ts';
import type { MaintainKubeusersStatus } from './status-report.ts';

export interface ServerOptions {
  readonly port: number;
  /** Account names and their troubles are for whoever can read the configuration, not for every user of the machine. */
  readonly token: string;
  readonly metrics: Metrics;
  /** Brings the metrics up to date. */
  readonly collect: () => void;
  readonly status: () => MaintainKubeusersStatus;
  /** Why the loop is not well, or undefined when it is. */
  readonly illness: () => string | undefined;
}

/** `/metrics` and `/healthz` for everybody, `/status` for the bearer of the token; on loopback only. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(request, response, options).catch(() => {
      response.destroy();
    });
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new Failure({
          kind: 'environment',
          what: `Port ${options.port} for metrics cannot be listened on`,
          why: systemCode(error) === 'EADDRINUSE' ? 'another process listens on it' : error.message,
          hint: 'Is another instance running? Look at `npm run status`.',
          cause: error,
        }),
      );
    });
    server.listen(options.port, '127.0.0.1', () => {
      resolve();
    });
  });
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { metrics, token, status, illness, collect }: ServerOptions,
): Promise<void> {
  const send = (code: number, type: string, body: string): void => {
    response.writeHead(code, { 'content-type': type }).end(body);
  };
  if (request.method !== 'GET') {
    send(405, 'text/plain', 'only GET\n');
    return;
  }
  switch (request.url) {
    case '/metrics':
      collect();
      send(200, metrics.registry.contentType, await metrics.registry.metrics());
      return;
    case '/healthz': {
      const ill = illness();
      send(ill === undefined ? 200 : 503, 'text/plain', `${ill ?? 'ok'}\n`);
      return;
    }
    case '/status':
      if (isBearer(request.headers.authorization, token)) {
        send(200, 'application/json', JSON.stringify(status()));
      } else send(401, 'text/plain', 'the token is in the configuration file\n');
      return;
    case undefined:
    default:
      send(404, 'text/plain', 'there are /metrics, /healthz and /status\n');
  }
}

function isBearer(header: string | undefined, token: string): boolean {
  const [given, wanted] = [Buffer.from(header ?? ''), Buffer.from(`Bearer ${token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
