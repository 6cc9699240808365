import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { loadCluster } from '../../../cluster/open.ts';
import type { Cluster } from '../../../cluster/provider.ts';
import {
  connectWriter,
  ldapDirectory,
  setLocked,
  toolDn,
  toolEntries,
  toolGroupDn,
} from '../../../components/ldap/index.ts';
import {
  configurationFile,
  maintainKubeusersStatus,
  SERVICE_NAME,
  type MaintainKubeusersStatus,
} from '../../../components/maintain-kubeusers/index.ts';
import { systemClock } from '../../../lib/clock.ts';
import type { Context } from '../../../lib/context.ts';
import { writeFileAtomic } from '../../../lib/files.ts';
import { KubeClient } from '../../../lib/kube/client.ts';
import { readCredentials } from '../../../lib/kube/credentials.ts';
import { isNotFound } from '../../../lib/kube/errors.ts';
import type { LdapClient } from '../../../lib/ldap/client.ts';
import { createOutput } from '../../../lib/output.ts';
import { xdgPaths } from '../../../lib/paths.ts';
import { systemRunner } from '../../../lib/run.ts';
import { waitFor } from '../../../lib/wait.ts';
import { freePorts, Rig } from '../../rig.ts';

/** Machines that run tests are busy; what is measured is measured in the benchmark. */
const PATIENCE_MS = 90_000;
const ENTRY_POINT = path.join(import.meta.dirname, '../../../scripts/maintain-kubeusers.ts');

/** A whole cluster with its accounts, and the means to change and to see them. */
export class AccountsRig {
  readonly rig: Rig;
  readonly cluster: Cluster;
  readonly admin: KubeClient;
  #ldap: LdapClient;
  readonly #name: string;
  #nextUid = 900_000;

  static async create(name: string): Promise<AccountsRig> {
    const rig = await Rig.create('tlk');
    await rig.ok('up', '--name', name, ...(await freePorts()));
    const streams = { stdout: process.stdout, stderr: process.stderr };
    const context: Context = {
      output: createOutput(streams, true, {}),
      runner: systemRunner,
      clock: systemClock,
      paths: {
        cache: xdgPaths(process.env).cache,
        state: xdgPaths({ XDG_STATE_HOME: rig.state }).state,
      },
      signal: new AbortController().signal,
      env: process.env,
    };
    const cluster = await loadCluster(name, context);
    const ldap = await connectWriter(ldapDirectory(cluster));
    return new AccountsRig(name, rig, cluster, await cluster.client(), ldap);
  }

  private constructor(name: string, rig: Rig, cluster: Cluster, admin: KubeClient, ldap: LdapClient) {
    this.#name = name;
    this.rig = rig;
    this.cluster = cluster;
    this.admin = admin;
    this.#ldap = ldap;
  }

  async dispose(): Promise<void> {
    await this.#ldap.close();
    await this.admin.close();
    await this.rig.dispose(this.#name);
  }

  command(command: string, ...args: string[]) {
    return this.rig.run(command, '--name', this.#name, ...args);
  }

  async ok(command: string, ...args: string[]): Promise<string> {
    return (await this.rig.ok(command, '--name', this.#name, ...args)).stdout;
  }

  home(tool: string, ...parts: string[]): string {
    return path.join(this.cluster.directory, 'data', 'project', tool, ...parts);
  }

  async addTool(name: string, uid = (this.#nextUid += 1)): Promise<void> {
    for (const { dn, attributes } of toolEntries({ name, uid, maintainers: ['tf-admin'] })) {
      await this.#ldap.change({ kind: 'add', dn, attributes });
    }
  }

  async removeTool(name: string): Promise<void> {
    for (const dn of [toolDn(name), toolGroupDn(name)]) await this.#ldap.change({ kind: 'delete', dn });
  }

  /** The connection ends when LDAP is killed. */
  async reconnect(): Promise<void> {
    await this.#ldap.close();
    this.#ldap = await connectWriter(ldapDirectory(this.cluster));
  }

  async lock(name: string, locked = true): Promise<void> {
    await setLocked(this.#ldap, name, locked, Date.now());
  }

  status(): Promise<MaintainKubeusersStatus> {
    return maintainKubeusersStatus(this.cluster.directory);
  }

  async log(): Promise<string> {
    return readFile(path.join(this.cluster.directory, 'logs', SERVICE_NAME, 'current'), 'utf8');
  }

  /** Whether there is something at that path of the API. */
  async has(apiPath: string): Promise<boolean> {
    try {
      await this.admin.request('GET', apiPath);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  isReady(tool: string): Promise<boolean> {
    return this.has(`/api/v1/namespaces/tool-${tool}/configmaps/maintain-kubeusers`);
  }

  async until(what: string, reached: () => Promise<boolean>): Promise<void> {
    await waitFor(what, async () => ((await reached().catch(() => false)) ? true : undefined), {
      clock: systemClock,
      signal: new AbortController().signal,
      timeoutMs: PATIENCE_MS,
      maxPauseMs: 100,
      explain: async () => JSON.stringify(await this.status().catch(String)),
    });
  }

  /** Until nothing is left to do, and so many accounts are ready. */
  async settled(ready?: number): Promise<MaintainKubeusersStatus> {
    let last: MaintainKubeusersStatus | undefined;
    await this.until(`${ready ?? 'all'} accounts to be ready`, async () => {
      last = await this.status();
      const { accounts, work } = last;
      const idle = accounts.pending === 0 && work.waiting + work.underWay === 0;
      return idle && accounts.total > 0 && (ready === undefined || accounts.ready === ready);
    });
    return last ?? this.status();
  }

  /** A client with the credentials that the tool finds in its home. */
  async asTool(name: string): Promise<KubeClient> {
    const credentials = await readCredentials(this.home(name, '.kube', 'config'));
    return new KubeClient({
      credentials,
      clock: systemClock,
      retry: { budgetMs: 0, firstPauseMs: 0, maxPauseMs: 0 },
    });
  }

  /** An instance beside the service, with its own port and other settings. */
  async startInstance(changes: Readonly<Record<string, unknown>>, ...flags: string[]): Promise<ChildProcess> {
    const file = await this.otherConfiguration(changes);
    return spawn(process.execPath, [ENTRY_POINT, '--config', file, ...flags], { stdio: 'ignore' });
  }

  async otherConfiguration(changes: Readonly<Record<string, unknown>>): Promise<string> {
    const own = configurationFile(this.cluster.directory);
    const file = path.join(path.dirname(own), 'other.json');
    const content = JSON.parse(await readFile(own, 'utf8')) as Record<string, unknown>;
    await writeFileAtomic(file, JSON.stringify({ ...content, ...changes }));
    return file;
  }

  /** Runs other work while the service is stopped. */
  async withoutService(work: () => Promise<void>): Promise<void> {
    await this.cluster.supervisor.stop([SERVICE_NAME]);
    try {
      await work();
    } finally {
      await this.cluster.supervisor.start([SERVICE_NAME]);
    }
  }

  async servicePid(): Promise<number | undefined> {
    return (await this.cluster.supervisor.status([SERVICE_NAME]))[0]?.pid;
  }
}

export async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
