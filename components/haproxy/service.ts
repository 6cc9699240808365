import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import path from 'node:path';
import type { BalancedService, Endpoint } from '../../cluster/provider.ts';
import type { HealthCheck } from '../../cluster/spec.ts';
import type { Service } from '../../cluster/supervisor/service.ts';
import type { Context } from '../../lib/context.ts';
import { Failure, messageOf } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists, writeFileIfChanged } from '../../lib/files.ts';
import { waitFor } from '../../lib/wait.ts';
import { renderConfig, type HAProxyFiles } from './config.ts';
import { askSocket } from './stats.ts';

export interface HAProxyOptions {
  /** HAProxy's own directory below the cluster's; made when absent, mode 0700. */
  readonly directory: string;
  /** The resolved binary, and what its environment needs (LD_LIBRARY_PATH of one that was only unpacked). */
  readonly program: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly apiPort: number;
  readonly healthCheck: HealthCheck;
  readonly apiservers: readonly Endpoint[];
  readonly services: readonly BalancedService[];
  readonly statsPort: number;
  /** PEM; for 127.0.0.1 and localhost, signed by the cluster's CA. */
  readonly statsCertificate: { readonly certificate: string; readonly key: string };
}

export const HAPROXY_SERVICE = 'haproxy';
/** The user name of the statistics page; the password is random, in `password`. */
export const STATS_USER = 'admin';

/**
 * A Unix socket's path has 104 bytes on macOS and 108 on Linux, and HAProxy binds to a name with 13 more characters
 * before it renames it into place.
 */
const MAX_SOCKET_PATH = 90;

/** Where everything is; both sockets are of mode 600. */
export function haproxyFiles(directory: string): HAProxyFiles {
  return {
    config: path.join(directory, 'haproxy.cfg'),
    certificate: path.join(directory, 'stats.pem'),
    password: path.join(directory, 'password'),
    adminSocket: path.join(directory, 'admin.sock'),
    masterSocket: path.join(directory, 'master.sock'),
  };
}

/**
 * The host process, in HAProxy's master-worker mode: the master stays, workers come and go with reloads. The
 * configuration is not among the service's `files`: a change of it must not restart HAProxy and cut every
 * connection, but be taken over by `reloadHAProxy`.
 */
export function haproxyService(options: Pick<HAProxyOptions, 'directory' | 'program' | 'env'>): Service {
  const files = haproxyFiles(options.directory);
  return {
    name: HAPROXY_SERVICE,
    program: options.program,
    args: ['-W', '-S', `${files.masterSocket},mode,600`, '-f', files.config],
    ...(options.env === undefined ? {} : { env: options.env }),
    workingDirectory: options.directory,
  };
}

/**
 * Writes configuration, certificate and password, and has HAProxy itself check them.
 * @returns whether anything changed
 * @throws Failure when HAProxy refuses the configuration, with its own words; the running one is not affected
 */
export async function writeHAProxyFiles(
  options: HAProxyOptions,
  context: Pick<Context, 'runner' | 'signal'>,
): Promise<boolean> {
  const files = haproxyFiles(options.directory);
  if (Buffer.byteLength(files.masterSocket) > MAX_SOCKET_PATH) {
    throw new Failure({
      kind: 'environment',
      what: `The path ${files.masterSocket} is too long for a Unix socket`,
      why: `a socket's path has at most ${MAX_SOCKET_PATH} bytes here`,
      hint: 'Choose a shorter --name, or set XDG_STATE_HOME to a shorter directory.',
    });
  }
  await makePrivateDirectory(options.directory);
  const { certificate, key } = options.statsCertificate;
  const statsPassword = await passwordOf(files);
  const config = renderConfig({ ...options, statsUser: STATS_USER, statsPassword, files });
  const changed = [
    await writeFileIfChanged(files.certificate, `${certificate.trimEnd()}\n${key.trimEnd()}\n`),
    await writeConfig(files.config, config, options, context),
  ];
  return changed.includes(true);
}

/** A configuration is put in place only after HAProxy found it valid. */
async function writeConfig(
  file: string,
  config: string,
  { program, env }: HAProxyOptions,
  { runner, signal }: Pick<Context, 'runner' | 'signal'>,
): Promise<boolean> {
  if ((await readFileIfExists(file)) === config) return false;
  const candidate = `${file}.candidate`;
  await writeFileIfChanged(candidate, config);
  await runner.run(program, ['-c', '-f', candidate], { ...(env === undefined ? {} : { env }), signal });
  await rename(candidate, file);
  return true;
}

/** Random, and the same for the life of the cluster. */
async function passwordOf({ password }: HAProxyFiles): Promise<string> {
  const known = (await readFileIfExists(password))?.trim();
  if (known !== undefined && known !== '') return known;
  const made = randomBytes(18).toString('base64url');
  await writeFileIfChanged(password, `${made}\n`);
  return made;
}

/**
 * Has HAProxy read its configuration again: a new worker takes over the listening sockets and the old one ends with
 * its last connection, so that nobody is refused or cut off. It also starts the health checks anew, with every
 * server up: after API servers were restarted on purpose, this saves the 10 s until HAProxy would notice (downinter
 * 5s, rise 2) and the slow start of 60 s that production's settings then ask for.
 */
export async function reloadHAProxy(
  directory: string,
  context: Pick<Context, 'clock' | 'signal'>,
): Promise<void> {
  const { masterSocket, adminSocket } = haproxyFiles(directory);
  const before = await workerPid(adminSocket);
  const failedBefore = await failedReloads(masterSocket);
  await askSocket(masterSocket, 'reload');
  await waitFor(
    'HAProxy to take over its new configuration',
    async () => {
      const failed = await failedReloads(masterSocket).catch(notYet);
      if (failed > failedBefore) {
        throw new Failure({
          kind: 'cluster',
          what: 'HAProxy refused its new configuration and goes on with the old one',
          hint: 'Look at `npm run logs haproxy`.',
        });
      }
      return (await workerPid(adminSocket).catch(notYet)) === before ? undefined : true;
    },
    { ...context, timeoutMs: 10_000, maxPauseMs: 50 },
  );
}

/** While the master replaces itself its sockets may refuse: no reason to give up (`waitFor` ends at a Failure). */
function notYet(error: unknown): never {
  throw new Error(messageOf(error), { cause: error });
}

/** The process id of the worker that answers on the admin socket. */
async function workerPid(adminSocket: string): Promise<string> {
  const answer = await askSocket(adminSocket, 'show info');
  const pid = /^Pid: (\d+)$/m.exec(answer)?.[1];
  if (pid === undefined)
    throw new Error(`HAProxy's answer to "show info" has no Pid: ${answer.slice(0, 200)}`);
  return pid;
}

/** The master's count of reloads that failed since the last one that went well. */
async function failedReloads(masterSocket: string): Promise<number> {
  const answer = await askSocket(masterSocket, 'show proc');
  return Number(/\[failed: (\d+)\]/.exec(answer)?.[1] ?? 0);
}
