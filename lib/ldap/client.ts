import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Change, Client, type Control } from 'ldapts';
import { interrupted } from '../errors.ts';
import { LdapError, ldapErrorOf, RESULT } from './errors.ts';
import { keepOpen, runTransaction } from './transaction.ts';
import type { LdapChange, LdapConnection, LdapEntry, LdapSearch } from './types.ts';
import { attributesOf, entryOf } from './values.ts';

const TIMEOUT_MS = 30_000;
/** Production's server returns at most this many entries a search (TOOLFORGE.md 4); a page may not be larger. */
const PAGE_SIZE = 500;
const OPERATIONS = { replace: 'replace', 'add-values': 'add', 'delete-values': 'delete' } as const;

/**
 * Connects and, where the connection says who asks, binds. Loads ldapts: import this module only where LDAP is used.
 * @throws LdapError with `RESULT.noAnswer` when the server is not there, `RESULT.invalidCredentials` for a wrong password
 */
export async function connectLdap(connection: LdapConnection): Promise<LdapClient> {
  const client = new LdapClient(connection);
  try {
    await client.open();
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
}

/**
 * One connection. When it breaks, every method throws an LdapError with `RESULT.noAnswer` and the caller connects
 * anew: nothing is retried here, since only the caller knows what it is safe to repeat.
 */
export class LdapClient {
  readonly #connection: LdapConnection;
  readonly #client: Client;
  #socket: Socket | undefined;
  /** Whether a transaction is under way, and how to let go of what keeps it safe (`keepOpen`). */
  #settling = false;
  #release: (() => void) | undefined;
  readonly #abort = (): void => {
    if (!this.#settling) this.#socket?.destroy();
  };

  /** Use `connectLdap`. */
  constructor(connection: LdapConnection) {
    this.#connection = connection;
    const { server } = connection;
    const timeout = connection.timeoutMs ?? TIMEOUT_MS;
    this.#client = new Client({
      url: 'url' in server ? server.url : 'ldap://localhost',
      timeout,
      connectTimeout: timeout,
      ...('url' in server ? { tlsOptions: { ca: server.ca, minVersion: 'TLSv1.2' as const } } : {}),
      createConnection: () => this.#once(() => connectSocket('url' in server ? '' : server.socket)),
      createSecureConnection: ((port: number, host: string, options: object) =>
        this.#once(() => connectTls(port, host, options))) as never,
    });
    connection.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  /** ldapts connects again by itself, as nobody: a search would then be answered with nothing, which looks like data. */
  #once(connect: () => Socket): Socket {
    if (this.#socket !== undefined) throw new Error('the connection was lost');
    this.#socket = connect();
    return this.#socket;
  }

  async open(): Promise<void> {
    const { bind } = this.#connection;
    if (bind !== undefined) await this.#ask('the bind', () => this.#client.bind(bind.dn, bind.password));
  }

  /** All entries below a base that match, read in pages of 500. Either the whole answer or an error. */
  async search(base: string, search: LdapSearch): Promise<LdapEntry[]> {
    return this.#search(base, search, { pageSize: PAGE_SIZE });
  }

  /** One answer without pages: an error with `RESULT.sizeLimitExceeded` when there is more than the server returns. */
  async searchUnpaged(base: string, search: LdapSearch): Promise<LdapEntry[]> {
    return this.#search(base, search, false);
  }

  /** The entry of that name with these attributes, or undefined where there is none that we may read. */
  async read(dn: string, attributes: readonly string[]): Promise<LdapEntry | undefined> {
    try {
      const search: LdapSearch = { filter: '(objectClass=*)', attributes, scope: 'base' };
      return (await this.searchUnpaged(dn, search))[0];
    } catch (error) {
      if (error instanceof LdapError && error.code === RESULT.noSuchObject) return undefined;
      throw error;
    }
  }

  async #search(base: string, search: LdapSearch, paged: { pageSize: number } | false): Promise<LdapEntry[]> {
    const { filter, attributes, scope = 'sub' } = search;
    const options = { filter, attributes: [...attributes], scope, paged };
    const { searchEntries } = await this.#ask(`the search ${filter} below ${base}`, () =>
      this.#client.search(base, options),
    );
    return searchEntries.map(entryOf);
  }

  /** Makes one change. */
  async change(change: LdapChange): Promise<void> {
    await this.#ask(`${change.kind} ${change.dn}`, () => this.#send(change));
  }

  /**
   * Makes all changes or none (RFC 5805): one write to the disk, and never half of what belongs together. In no
   * certain order, since the server works on several at once: none of them may need another. Ctrl-C ends it after
   * the transaction.
   */
  async transaction(changes: readonly LdapChange[]): Promise<void> {
    if (this.#aborted()) throw interrupted();
    this.#release ??= this.#socket === undefined ? undefined : keepOpen(this.#socket);
    this.#settling = true;
    try {
      const user = this.#connection.bind?.dn ?? '';
      await runTransaction(this.#client, user, changes, async (change, control) => {
        await this.#send(change, control).catch((error: unknown) => {
          throw ldapErrorOf(`${change.kind} ${change.dn}`, error);
        });
      });
    } catch (error) {
      throw error instanceof LdapError ? error : ldapErrorOf(`${changes.length} changes in one`, error);
    } finally {
      this.#settling = false;
      if (this.#aborted()) this.#abort();
    }
  }

  async #send(change: LdapChange, control?: Control): Promise<void> {
    switch (change.kind) {
      case 'add':
        return this.#client.add(change.dn, attributesOf(change.attributes), control);
      case 'delete':
        return this.#client.del(change.dn, control);
      case 'replace':
      case 'add-values':
      case 'delete-values': {
        const operation = OPERATIONS[change.kind];
        const changes = attributesOf(change.attributes).map(
          (modification) => new Change({ operation, modification }),
        );
        return this.#client.modify(change.dn, changes, control);
      }
    }
  }

  async #ask<T>(request: string, ask: () => Promise<T>): Promise<T> {
    if (this.#aborted()) throw interrupted();
    try {
      return await ask();
    } catch (error) {
      throw this.#aborted() ? interrupted() : ldapErrorOf(request, error);
    }
  }

  #aborted(): boolean {
    return this.#connection.signal?.aborted === true;
  }

  /** Ends the connection. Never throws. */
  async close(): Promise<void> {
    this.#connection.signal?.removeEventListener('abort', this.#abort);
    await this.#client.unbind().catch(() => undefined);
    this.#socket?.destroy();
    this.#release?.();
  }
}
