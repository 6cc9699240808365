import { BASE_DN, DEFAULT_POLICY_DN, READER_DN, WRITER_DN } from './tree.ts';

/** Production's server returns at most this many entries a search, or a page of one (TOOLFORGE.md, section 4). */
export const SIZE_LIMIT = 500;

/**
 * The most that the database can grow to, in bytes: address space, not disk; the file grows as entries come. 10,000
 * entries take 20 MB.
 */
const MAX_DATABASE = 1024 * 1024 * 1024;

export interface SlapdConfig {
  /** Where slapd's modules are, and which of those it needs exist there; the others are built in. */
  readonly modules: { readonly directory: string; readonly names: readonly string[] } | undefined;
  /** Schema files, in order. */
  readonly schemas: readonly string[];
  /** Directory of the database. */
  readonly database: string;
  /** Paths of PEM files. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly ca: string };
  /** The writer's password as `rootpw` takes it. */
  readonly writerHash: string;
}

/**
 * slapd.conf. Read once at start: the server's own configuration database is not reachable, so what runs is what this
 * file says. Every change is on the disk when it is answered (no `dbnosync`): bulk writers use transactions instead,
 * which are faster still.
 */
export function slapdConf(config: SlapdConfig): string {
  const { modules, schemas, database, tls, writerHash } = config;
  const lines = [
    ...(modules === undefined ? [] : [`modulepath ${word(modules.directory)}`]),
    ...(modules?.names ?? []).map((name) => `moduleload ${name}`),
    ...schemas.map((file) => `include ${word(file)}`),
    "# Nobody gets anything, not even the server's description, before saying who he is.",
    'disallow bind_anon',
    'require authc',
    `TLSCertificateFile ${word(tls.certificate)}`,
    `TLSCertificateKeyFile ${word(tls.key)}`,
    `TLSCACertificateFile ${word(tls.ca)}`,
    'TLSProtocolMin 3.3',
    'TLSVerifyClient never',
    `# An unpaged search ends at ${SIZE_LIMIT} entries, a paged one returns all.`,
    `sizelimit size.soft=${SIZE_LIMIT} size.hard=${SIZE_LIMIT} size.pr=${SIZE_LIMIT} size.prtotal=unlimited`,
    '',
    'database mdb',
    `suffix ${word(BASE_DN)}`,
    `rootdn ${word(WRITER_DN)}`,
    `rootpw ${word(writerHash)}`,
    `directory ${word(database)}`,
    `maxsize ${MAX_DATABASE}`,
    'mode 0600',
    ...INDEXES.map((index) => `index ${index}`),
    '# The reader reads everything but passwords; nobody else reads anything. The writer, being rootdn, may all.',
    `access to dn.exact=${word(READER_DN)} attrs=userPassword by anonymous auth by * none`,
    'access to attrs=userPassword by * none',
    `access to * by dn.exact=${word(READER_DN)} read by * none`,
    '# Keeps contextCSN, by which clients see cheaply that something changed.',
    'overlay syncprov',
    'syncprov-checkpoint 1000 5',
    'syncprov-sessionlog 10000',
    'overlay ppolicy',
    `ppolicy_default ${word(DEFAULT_POLICY_DN)}`,
    '',
    '# For the writer, who asks it before he ends a transaction (lib/ldap/transaction.ts).',
    'database monitor',
    `access to * by dn.exact=${word(WRITER_DN)} read by * none`,
    '',
  ];
  return lines.join('\n');
}

/**
 * What clients search by; entryCSN and entryUUID for those that synchronise. An index added here does not know the
 * entries of a database that is there already until `slapindex` ran over it: searches by it would miss them.
 */
const INDEXES = [
  'objectClass,entryUUID,entryCSN eq',
  'cn,uid eq,subinitial',
  'uidNumber,gidNumber,member,description eq',
  'pwdAccountLockedTime pres',
  'pwdPolicySubentry pres,eq',
];

/** A word of slapd.conf, which knows double quotes and backslashes. */
function word(text: string): string {
  if (/[\r\n]/.test(text)) throw new Error('a line break in a word of slapd.conf');
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
