import { createServer, request, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createAuthority, issueCertificate, type KeyPair } from '../../../cluster/pki/certificates.ts';
import type { Endpoint } from '../../../cluster/provider.ts';

/** A certificate for 127.0.0.1, and the authority that signed it. */
export async function makeCertificate(): Promise<{ ca: string; pair: KeyPair }> {
  const authority = await createAuthority('test');
  const pair = await issueCertificate(authority, {
    commonName: 'test',
    usage: 'server',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  return { ca: authority.certificate, pair };
}

/** How a backend behaves: as it should, answering 500, or accepting connections and never answering. */
export type Mood = 'well' | 'ill' | 'hung';

/** A TLS server behind HAProxy: it answers health checks by its mood, and everything else with its name. */
export class Backend {
  readonly name: string;
  mood: Mood = 'well';
  readonly #pair: KeyPair;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(name: string, pair: KeyPair) {
    this.name = name;
    this.#pair = pair;
  }

  get endpoint(): Endpoint {
    return { name: this.name, host: '127.0.0.1', port: this.#port };
  }

  /** Listens, on the port that it had before. */
  async start(): Promise<this> {
    const server = createServer(
      { cert: this.#pair.certificate, key: this.#pair.key },
      (incoming, response) => {
        if (this.mood === 'hung') return;
        const health = incoming.url?.startsWith('/health') === true;
        response.statusCode = health && this.mood === 'ill' ? 500 : 200;
        response.end(this.name);
      },
    );
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Ends as a killed process does: its port refuses and its connections are cut. */
  async kill(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }
}

/** Asks on a connection of its own, as a client that has just been started; returns the body. */
export async function ask(port: number, options: { path?: string; auth?: string } = {}): Promise<string> {
  const { body } = await askFully(port, options);
  return body;
}

export async function askFully(
  port: number,
  { path = '/', auth }: { path?: string; auth?: string } = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        agent: false,
        rejectUnauthorized: false,
        timeout: 15_000,
        ...(auth === undefined ? {} : { auth }),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (body += chunk));
        response.on('error', reject);
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from port ${port}`)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}
