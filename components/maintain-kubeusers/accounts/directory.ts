import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { LdapClient } from '../../../lib/ldap/client.ts';
import { isNoAnswer } from '../../../lib/ldap/errors.ts';
import { filterValue } from '../../../lib/ldap/escape.ts';
import { valuesOf, type LdapConnection, type LdapEntry } from '../../../lib/ldap/types.ts';
import { readSecretFile } from '../secret-file.ts';
import type { Account } from './account.ts';
import { LOCK_ATTRIBUTES, readEntries, type DirectoryAnswer, type EntryShape } from './read-entries.ts';

/** Where accounts come from, as a seam: tests pass a list. Every method throws when the answer is not whole. */
export interface AccountDirectory {
  /** All accounts. */
  read(): Promise<DirectoryAnswer>;
  /**
   * A value that is another one after every change of the directory, for little: `contextCSN` of the base entry, which
   * every add, modification and removal moves on. Undefined where the server does not keep one.
   */
  changeMarker(): Promise<string | undefined>;
  /** Requests sent so far. */
  readonly requests: number;
  close(): Promise<void>;
}

/** Production's /etc/ldap.yaml, and the two fields that components/ldap adds to it. */
const ldapSettings = z.object({
  servers: z.array(z.string()).min(1),
  basedn: z.string(),
  user: z.string(),
  password: z.string(),
  /** A file of PEM. */
  ca: z.string(),
  project: z.string().regex(/^[a-z0-9][-a-z0-9]*$/),
});

export type LdapSettings = z.infer<typeof ldapSettings>;

/** @throws Failure when the file is not there or not valid */
export function readLdapSettings(file: string): Promise<LdapSettings> {
  return readSecretFile(file, ldapSettings, {
    what: 'The LDAP settings cannot be read',
    hint: '`npm run up` writes them; `ldapConfig` of the configuration names the file.',
  });
}

const toolShape = (project: string): EntryShape => ({
  type: 'tool',
  nameAttribute: 'cn',
  namePrefix: `${project}.`,
  homesDirectory: '/data/project',
});
const TOOL_ATTRIBUTES = ['cn', 'uidNumber', 'homeDirectory', ...LOCK_ATTRIBUTES];
const ADMIN_SHAPE: EntryShape = {
  type: 'admin',
  nameAttribute: 'uid',
  namePrefix: '',
  homesDirectory: '/home',
};

/** A page of 500 entries takes milliseconds; a server that needs longer than this hangs. */
const TIMEOUT_MS = 20_000;
/** Filters stay below every server's limits when people are asked for in groups of this many. */
const PEOPLE_AT_ONCE = 100;

/** Accounts out of an LDAP server, over one connection that is kept while it lasts. */
export class LdapDirectory implements AccountDirectory {
  requests = 0;
  readonly #settings: LdapSettings;
  readonly #signal: AbortSignal;
  #client: LdapClient | undefined;

  constructor(settings: LdapSettings, signal: AbortSignal) {
    this.#settings = settings;
    this.#signal = signal;
  }

  async read(): Promise<DirectoryAnswer> {
    return this.#ask(async (client) => {
      const { basedn, project } = this.#settings;
      const tools = await client.search(`ou=people,ou=servicegroups,${basedn}`, {
        filter: `(&(objectClass=posixAccount)(cn=${filterValue(project)}.*))`,
        attributes: TOOL_ATTRIBUTES,
        scope: 'one',
      });
      this.requests += Math.max(1, Math.ceil(tools.length / 500));
      const admins = await this.#admins(client);
      return readEntries([
        { entries: tools, shape: toolShape(project) },
        { entries: admins, shape: ADMIN_SHAPE },
      ]);
    });
  }

  /** The account of one tool; undefined where there is none, or none that can be used. */
  async tool(name: string): Promise<Account | undefined> {
    return this.#ask(async (client) => {
      const { basedn, project } = this.#settings;
      const entries = await client.search(`ou=people,ou=servicegroups,${basedn}`, {
        filter: `(&(objectClass=posixAccount)(cn=${filterValue(`${project}.${name}`)}))`,
        attributes: TOOL_ATTRIBUTES,
        scope: 'one',
      });
      this.requests += 1;
      return readEntries([{ entries, shape: toolShape(project) }]).accounts[0];
    });
  }

  /** The people who are members of `cn=<project>.admin`; members that are not people (tools) are not admins. */
  async #admins(client: LdapClient): Promise<LdapEntry[]> {
    const { basedn, project } = this.#settings;
    const group = await client.read(`cn=${project}.admin,ou=servicegroups,${basedn}`, ['member']);
    this.requests += 1;
    const people = `,ou=people,${basedn}`.toLowerCase();
    const uids = (group === undefined ? [] : valuesOf(group, 'member')).flatMap((member) => {
      const match = typeof member === 'string' ? /^uid=([^,+\\]+)(,.*)$/i.exec(member) : null;
      return match?.[1] !== undefined && match[2]?.toLowerCase() === people ? [match[1]] : [];
    });
    const found: LdapEntry[] = [];
    for (let from = 0; from < uids.length; from += PEOPLE_AT_ONCE) {
      const names = uids.slice(from, from + PEOPLE_AT_ONCE).map((uid) => `(uid=${filterValue(uid)})`);
      const search = {
        filter: `(&(objectClass=posixAccount)(|${names.join('')}))`,
        attributes: ['uid', 'uidNumber', 'homeDirectory', ...LOCK_ATTRIBUTES],
        scope: 'one' as const,
      };
      found.push(...(await client.search(`ou=people,${basedn}`, search)));
      this.requests += 1;
    }
    return found;
  }

  async changeMarker(): Promise<string | undefined> {
    return this.#ask(async (client) => {
      this.requests += 1;
      const base = await client.read(this.#settings.basedn, ['contextCSN']);
      // One value a server that takes writes.
      const values = base === undefined ? [] : valuesOf(base, 'contextCSN').map(String);
      return values.length === 0 ? undefined : values.sort().join(' ');
    });
  }

  /** Asks on the kept connection; a connection that an idle time-out or a restart has ended is made once more. */
  async #ask<T>(ask: (client: LdapClient) => Promise<T>): Promise<T> {
    const kept = this.#client;
    try {
      return await ask(kept ?? (await this.#connect()));
    } catch (error) {
      await this.close();
      if (kept === undefined || !isNoAnswer(error)) throw error;
      return await ask(await this.#connect());
    }
  }

  async #connect(): Promise<LdapClient> {
    const { connectLdap } = await import('../../../lib/ldap/client.ts');
    const { servers, user, password, ca } = this.#settings;
    let last: unknown;
    for (const url of servers) {
      try {
        const connection: LdapConnection = {
          server: { url, ca: await readFile(ca, 'utf8') },
          bind: { dn: user, password },
          signal: this.#signal,
          timeoutMs: TIMEOUT_MS,
        };
        this.#client = await connectLdap(connection);
        return this.#client;
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }
}
