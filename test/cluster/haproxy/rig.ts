import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BalancedService } from '../../../cluster/provider.ts';
import type { HealthCheck } from '../../../cluster/spec.ts';
import { resolveHostTools } from '../../../cluster/toolchain/host-tools.ts';
import {
  haproxyFiles,
  haproxyService,
  haproxyStatus,
  reloadHAProxy,
  writeHAProxyFiles,
  type HAProxyOptions,
  type ServerStats,
} from '../../../components/haproxy/index.ts';
import type { Context } from '../../../lib/context.ts';
import { waitFor } from '../../../lib/wait.ts';
import { Backend, makeCertificate } from './backend.ts';
import { quietContext } from '../context.ts';

/** A real HAProxy with servers of ours behind it, in a temporary directory. */
export class HAProxyRig {
  readonly context: Context;
  /** `control-plane-1` … and `kyverno-svc-1` …, all listening. */
  readonly apiservers: readonly Backend[];
  readonly replicas: readonly Backend[];
  options: HAProxyOptions;
  /** The certificate authority of the statistics page. */
  readonly ca: string;
  readonly #root: string;
  #process: ChildProcess | undefined;
  #said = '';

  static async create(servers: number, healthCheck: HealthCheck = 'healthz'): Promise<HAProxyRig> {
    const root = await mkdtemp(path.join(tmpdir(), 'hr-'));
    const context = quietContext(root);
    const tools = await resolveHostTools(['haproxy'], context, { update: () => undefined });
    const { program, env } = tools.get('haproxy');
    const { ca, pair } = await makeCertificate();
    const start = (name: string): Promise<Backend[]> =>
      Promise.all(
        Array.from({ length: servers }, (_, index) => new Backend(`${name}-${index + 1}`, pair).start()),
      );
    const apiservers = await start('control-plane');
    const replicas = await start('kyverno-svc');
    const [apiPort = 0, statsPort = 0, port = 0] = await freePorts(3);
    const service: BalancedService = {
      name: 'kyverno-svc',
      port,
      healthPath: '/health/liveness',
      servers: replicas.map(({ endpoint }) => endpoint),
    };
    const options: HAProxyOptions = {
      directory: path.join(root, 'haproxy'),
      program,
      env,
      apiPort,
      statsPort,
      healthCheck,
      apiservers: apiservers.map(({ endpoint }) => endpoint),
      services: [service],
      statsCertificate: pair,
    };
    return new HAProxyRig(root, context, options, ca, apiservers, replicas);
  }

  private constructor(
    root: string,
    context: Context,
    options: HAProxyOptions,
    ca: string,
    apiservers: readonly Backend[],
    replicas: readonly Backend[],
  ) {
    this.#root = root;
    this.context = context;
    this.options = options;
    this.ca = ca;
    this.apiservers = apiservers;
    this.replicas = replicas;
  }

  get servicePort(): number {
    return this.options.services[0]?.port ?? 0;
  }

  get files() {
    return haproxyFiles(this.options.directory);
  }

  /** Everything that HAProxy printed. */
  get said(): string {
    return this.#said;
  }

  async start(): Promise<void> {
    await writeHAProxyFiles(this.options, this.context);
    const { program, args, env, workingDirectory } = haproxyService(this.options);
    const child = spawn(program, args, {
      env: { ...env },
      cwd: workingDirectory,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const note = (chunk: Buffer): void => {
      this.#said += chunk.toString();
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    this.#process = child;
    await this.until('HAProxy to listen', async () => {
      if (child.exitCode !== null) throw new Error(`HAProxy ended: ${this.#said}`);
      return (await haproxyStatus(this.options.directory).catch(() => undefined))?.ready;
    });
  }

  /** Changes its configuration and has it taken over. */
  async change(options: Partial<HAProxyOptions>): Promise<void> {
    this.options = { ...this.options, ...options };
    await writeHAProxyFiles(this.options, this.context);
    await reloadHAProxy(this.options.directory, this.context);
  }

  async server(name: string): Promise<ServerStats> {
    const { backends } = await haproxyStatus(this.options.directory);
    const found = backends.flatMap(({ servers }) => servers).find((server) => server.name === name);
    if (found === undefined) throw new Error(`HAProxy has no server ${name}`);
    return found;
  }

  /** Waits until the condition holds. */
  async until(what: string, holds: () => Promise<boolean | undefined>, timeoutMs = 30_000): Promise<void> {
    const { clock, signal } = this.context;
    await waitFor(what, async () => ((await holds()) === true ? true : undefined), {
      clock,
      signal,
      timeoutMs,
      maxPauseMs: 100,
      explain: () => Promise.resolve(this.#said.slice(-2000)),
    });
  }

  async dispose(): Promise<void> {
    const child = this.#process;
    if (child?.exitCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    await Promise.all([...this.apiservers, ...this.replicas].map((backend) => backend.kill()));
    await rm(this.#root, { recursive: true, force: true });
  }
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
