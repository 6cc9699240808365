import { Failure } from '../../../lib/errors.ts';
import type { Account } from '../../../components/maintain-kubeusers/accounts/account.ts';
import type { AccountDirectory } from '../../../components/maintain-kubeusers/accounts/directory.ts';
import type { DirectoryAnswer } from '../../../components/maintain-kubeusers/accounts/read-entries.ts';
import type { IssuedCertificate } from '../../../components/maintain-kubeusers/certificates/issuer.ts';
import type { FileFacts, HomeOwner, Homes } from '../../../components/maintain-kubeusers/homes/homes.ts';
import type { Log } from '../../../components/maintain-kubeusers/log.ts';
import { maintainKubeusersRbac } from '../../../components/maintain-kubeusers/rbac.ts';
import type { Tools } from '../../../components/maintain-kubeusers/resources/kind.ts';
import type { Settings } from '../../../components/maintain-kubeusers/settings.ts';
import { FakeApi } from './fake-api.ts';

export const DAY = 24 * 60 * 60_000;
/** 2026-01-01 */
export const NOW = 1_767_225_600_000;

export const SETTINGS: Settings = {
  policy: { profile: 'toolforge', action: 'Audit' },
  renderPolicy: ({ name, uid }, { action }) => ({
    apiVersion: 'kyverno.io/v1',
    kind: 'Policy',
    metadata: { name: 'template', labels: { template: 'yes' } },
    spec: { validationFailureAction: action, rules: [{ name, uid }] },
  }),
  podSecurityPolicy: false,
  keyAlgorithm: 'P-256',
  quotaOverrides: {},
  cluster: { server: 'https://127.0.0.1:6443', ca: 'the authority' },
  stateKey: 'a key of the state',
};

export function tool(name: string, uid = 50_001, disabled = false): Account {
  return { type: 'tool', name, uid, home: `/data/project/${name}`, disabled };
}

export function admin(name: string, uid = 40_001, disabled = false): Account {
  return { type: 'admin', name, uid, home: `/home/${name}`, disabled };
}

/** A directory that is a list. */
export class FakeDirectory implements AccountDirectory {
  requests = 0;
  answer: DirectoryAnswer = { accounts: [], skipped: [] };
  failing: Error | undefined;
  #marker = 0;

  constructor(accounts: readonly Account[] = []) {
    this.set(accounts);
  }

  set(accounts: readonly Account[]): void {
    this.answer = { accounts, skipped: [] };
    this.#marker += 1;
  }

  async read(): Promise<DirectoryAnswer> {
    this.requests += 1;
    if (this.failing !== undefined) throw this.failing;
    return Promise.resolve(this.answer);
  }

  async changeMarker(): Promise<string> {
    this.requests += 1;
    if (this.failing !== undefined) throw this.failing;
    return Promise.resolve(String(this.#marker));
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Homes in memory: `tool/tf-test/.kube/config`. They count, and can fail or hang. */
export class FakeHomes implements Homes {
  operations = 0;
  readonly files = new Map<string, { content: string; mode: number }>();
  readonly directories = new Map<string, number>();
  before: (path: string) => void | Promise<void> = () => undefined;

  async #begin({ type, name }: HomeOwner, path: string): Promise<string> {
    this.operations += 1;
    const full = path === '' ? `${type}/${name}` : `${type}/${name}/${path}`;
    await this.before(full);
    return full;
  }

  #parent(full: string): void {
    const parent = full.split('/').slice(0, -1).join('/');
    if (parent.includes('/') && !this.directories.has(parent)) {
      throw new Failure({ kind: 'environment', what: `${parent} is missing` });
    }
  }

  async makeDirectory(owner: HomeOwner, path: string, mode: number, exact = false): Promise<void> {
    const full = await this.#begin(owner, path);
    this.#parent(full);
    if (exact || !this.directories.has(full)) this.directories.set(full, mode);
  }

  async read(owner: HomeOwner, path: string): Promise<Uint8Array | undefined> {
    const content = this.files.get(await this.#begin(owner, path))?.content;
    return content === undefined ? undefined : Buffer.from(content);
  }

  async write(
    owner: HomeOwner,
    path: string,
    content: string,
    mode: number,
    was?: { readonly content: Uint8Array | undefined },
  ): Promise<void> {
    const full = await this.#begin(owner, path);
    this.#parent(full);
    const now = this.files.get(full)?.content;
    if (was !== undefined && now !== (was.content && Buffer.from(was.content).toString())) {
      throw new Failure({ kind: 'environment', what: `${full} was changed meanwhile` });
    }
    this.files.set(full, { content, mode });
  }

  async remove(owner: HomeOwner, path: string): Promise<void> {
    this.files.delete(await this.#begin(owner, path));
  }

  async facts(owner: HomeOwner, path: string): Promise<FileFacts | undefined> {
    const full = await this.#begin(owner, path);
    const file = this.files.get(full);
    if (file !== undefined) {
      return { kind: 'file', mode: file.mode, uid: owner.uid, size: file.content.length };
    }
    const mode = this.directories.get(full);
    return mode === undefined ? undefined : { kind: 'directory', mode, uid: owner.uid, size: 0 };
  }
}

/** Certificates that are only their validity. */
export class FakeIssuer {
  issued = 0;
  validity = { from: NOW - 5 * 60_000, until: NOW + 365 * DAY };

  async issue({ commonName }: { commonName: string }): Promise<IssuedCertificate> {
    this.issued += 1;
    return Promise.resolve({
      key: `key ${this.issued} of ${commonName}`,
      certificate: `certificate ${this.issued} of ${commonName}`,
      validity: this.validity,
    });
  }
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A cluster with what an admin applies first, and everything else that applying resources needs. */
export function workshop(settings: Settings = SETTINGS) {
  const api = new FakeApi();
  for (const { kind, metadata } of maintainKubeusersRbac({ podSecurityPolicy: false })) {
    if (kind === 'Namespace') {
      api.objects.set(`/api/v1/namespaces/${metadata?.name ?? ''}`, { kind, metadata: { ...metadata } });
    }
  }
  const homes = new FakeHomes();
  const issuer = new FakeIssuer();
  const tools: Tools = { settings, client: api, issuer, homes };
  return { api, homes, issuer, tools };
}
