import { readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Service } from '../../cluster/supervisor/service.ts';
import type { Context } from '../../lib/context.ts';
import { makePrivateDirectory, readFileIfExists, writeFileIfChanged } from '../../lib/files.ts';
import { slapdConf, type SlapdConfig } from './config.ts';
import { ldapFiles, makePassword, passwordHash } from './files.ts';
import { posixSchema } from './schema.ts';
import { BASE_DN, PROJECT, READER_DN } from './tree.ts';

/** An OpenLDAP server, as the toolchain found it. */
export interface SlapdInstallation {
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  /** Directory of its loadable modules; undefined: they are built in. */
  readonly modules: string | undefined;
  /** Directory of the schema files that every OpenLDAP brings. */
  readonly schemas: string;
}

export interface LdapOptions {
  /** The server's own directory below the cluster's; made when absent, mode 0700. */
  readonly directory: string;
  readonly slapd: SlapdInstallation;
  /** Where it serves LDAP over TLS. */
  readonly port: number;
  /** Addresses it listens on. Default: only 127.0.0.1. */
  readonly addresses?: readonly string[];
  /** Paths of PEM files; the certificate is valid for every address. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly ca: string };
}

export const LDAP_SERVICE = 'slapd';
const LOOPBACK = '127.0.0.1';
const MODULES = ['back_mdb', 'ppolicy', 'syncprov'];
const SCHEMAS = ['core.schema', 'cosine.schema', 'inetorgperson.schema'];

/**
 * slapd makes a table of as many connections as it may open files, 0.6 KiB each (measured), and touches all of it:
 * 12 MiB at a limit of 20,000, and 600 MiB where a container engine allows a million.
 */
const OPEN_FILES = 1024;

/** The host process. Ends within a second of SIGTERM; needs no root, and gains nothing from it. */
export function ldapService({ directory, slapd, port, addresses, tls }: LdapOptions): Service {
  const files = ldapFiles(directory);
  const urls = [
    `ldapi://${encodeURIComponent(files.socket)}`,
    ...(addresses ?? [LOOPBACK]).map((address) => `ldaps://${address}:${port}`),
  ];
  return {
    name: LDAP_SERVICE,
    program: slapd.program,
    // `-d none`: stays in the foreground, and says what is always worth saying.
    args: ['-d', 'none', '-h', urls.join(' '), '-f', files.config],
    env: slapd.env,
    files: [files.config, files.schema, tls.certificate, tls.key, tls.ca],
    workingDirectory: directory,
    openFiles: OPEN_FILES,
  };
}

/** Where a client finds the server: one on this machine, or a pod. */
export function ldapUrl(port: number, address: string = LOOPBACK): string {
  return `ldaps://${address}:${port}`;
}

/**
 * Writes configuration, schema, passwords and the readers' ldap.yaml, each only when it differs.
 * @throws Failure when slapd refuses the configuration, with its own words; a running one is not affected
 */
export async function writeLdapFiles(
  options: LdapOptions,
  context: Pick<Context, 'runner' | 'signal'>,
): Promise<void> {
  const { directory, slapd, tls, port } = options;
  const files = ldapFiles(directory);
  await makePrivateDirectory(files.database);
  await writeFileIfChanged(files.schema, posixSchema());
  const config = slapdConf({
    modules: await modulesOf(slapd),
    schemas: [...SCHEMAS.map((name) => path.join(slapd.schemas, name)), files.schema],
    database: files.database,
    tls,
    writerHash: passwordHash(await makePassword(files.writerPassword)),
  });
  await writeConfig(files.config, config, slapd, context);
  const reader = {
    servers: [ldapUrl(port)],
    basedn: BASE_DN,
    user: READER_DN,
    password: await makePassword(files.readerPassword),
    // Not in production's file: whom to trust, and which of the projects in the tree is ours.
    ca: tls.ca,
    project: PROJECT,
  };
  await writeFileIfChanged(files.clientConfig, stringify(reader));
}

/** The modules to load: of those that we use, the ones that were not built in. */
async function modulesOf({ modules }: SlapdInstallation): Promise<SlapdConfig['modules']> {
  if (modules === undefined) return undefined;
  const files = await readdir(modules);
  return {
    directory: modules,
    names: MODULES.filter((name) => files.some((file) => file === `${name}.so` || file === `${name}.la`)),
  };
}

/** A configuration is put in place only after slapd found it valid. */
async function writeConfig(
  file: string,
  config: string,
  { program, env }: SlapdInstallation,
  { runner, signal }: Pick<Context, 'runner' | 'signal'>,
): Promise<void> {
  if ((await readFileIfExists(file)) === config) return;
  const candidate = `${file}.candidate`;
  await writeFileIfChanged(candidate, config);
  await runner.run(program, ['-T', 'test', '-u', '-Q', '-f', candidate], { env, signal });
  await rename(candidate, file);
}
