import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { slapdConf, type SlapdConfig } from '../../../components/ldap/config.ts';
import { passwordHash } from '../../../components/ldap/files.ts';
import { posixSchema } from '../../../components/ldap/schema.ts';
import { ldapService } from '../../../components/ldap/service.ts';

const CONFIG: SlapdConfig = {
  modules: { directory: '/opt/ldap modules', names: ['back_mdb', 'ppolicy'] },
  schemas: ['/etc/ldap/schema/core.schema', '/c/posix.schema'],
  database: '/c/data',
  tls: { certificate: '/c/t.crt', key: '/c/t.key', ca: '/c/ca.crt' },
  writerHash: '{SSHA}abc',
};
const linesOf = (config: SlapdConfig): string[] => slapdConf(config).split('\n');

suite('slapd.conf', () => {
  test('limits an unpaged search to 500 entries and a paged one not at all', () => {
    assert.ok(
      linesOf(CONFIG).includes('sizelimit size.soft=500 size.hard=500 size.pr=500 size.prtotal=unlimited'),
    );
  });

  test('lets nobody in who has not said who he is, and only the reader read', () => {
    const lines = linesOf(CONFIG);
    assert.ok(lines.includes('disallow bind_anon'));
    assert.ok(lines.includes('require authc'));
    const access = lines.filter((line) => line.startsWith('access '));
    assert.ok(access.every((line) => line.endsWith('by * none')));
    const monitor = lines.indexOf('database monitor');
    const readers = lines.flatMap((line, index) =>
      / by dn\.exact="cn=(\w+),.* read /.test(line) ? [[/cn=(\w+)/.exec(line)?.[1], index > monitor]] : [],
    );
    // The tree is the reader's; what the server says of itself, the writer's.
    assert.deepEqual(readers, [
      ['proxyagent', false],
      ['admin', true],
    ]);
  });

  test('loads the modules that are there, in paths with spaces too, and none where all are built in', () => {
    const lines = linesOf(CONFIG);
    assert.ok(lines.includes('modulepath "/opt/ldap modules"'));
    assert.deepEqual(
      lines.filter((line) => line.startsWith('moduleload')),
      ['moduleload back_mdb', 'moduleload ppolicy'],
    );
    assert.ok(!linesOf({ ...CONFIG, modules: undefined }).some((line) => line.startsWith('module')));
  });

  test('quotes what a path may contain, and takes no line break', () => {
    assert.ok(linesOf({ ...CONFIG, database: '/a "b" \\c' }).includes('directory "/a \\"b\\" \\\\c"'));
    assert.throws(() => slapdConf({ ...CONFIG, database: '/a\nrootpw x' }), /line break/);
  });

  test('global settings come before the database, whose own they would else become', () => {
    const lines = linesOf(CONFIG);
    const database = lines.indexOf('database mdb');
    assert.ok(lines.indexOf('require authc') < database);
    assert.ok(lines.findIndex((line) => line.startsWith('sizelimit')) < database);
    assert.ok(lines.findIndex((line) => line.startsWith('access ')) > database);
    assert.ok(lines.indexOf('overlay syncprov') > lines.findIndex((line) => line.startsWith('index ')));
  });
});

suite('the POSIX schema', () => {
  test('has auxiliary classes only, so that a group of names can be a POSIX group', () => {
    const classes = posixSchema()
      .split('\n')
      .filter((line) => line.startsWith('objectclass'));
    assert.equal(classes.length, 3);
    assert.ok(classes.every((line) => line.includes(' AUXILIARY ')));
  });
});

suite('a stored password', () => {
  test('is the same text for the same password and another for another', () => {
    assert.equal(passwordHash('one'), passwordHash('one'));
    assert.notEqual(passwordHash('one'), passwordHash('two'));
    assert.match(passwordHash('one'), /^\{SSHA\}[A-Za-z0-9+/]{38}=*$/);
  });
});

suite('the service', () => {
  const options = {
    directory: '/c/ldap dir',
    slapd: { program: '/p/slapd', env: { LD_LIBRARY_PATH: '/p/lib' }, modules: undefined, schemas: '/s' },
    port: 20010,
    tls: CONFIG.tls,
  };

  test('listens on loopback with TLS and on a socket in its own directory, and nowhere else', () => {
    const { args } = ldapService(options);
    assert.equal(
      args[args.indexOf('-h') + 1],
      'ldapi://%2Fc%2Fldap%20dir%2Fslapd.sock ldaps://127.0.0.1:20010',
    );
  });

  test('restarts for a new certificate and has no more connections than it needs', () => {
    const service = ldapService(options);
    assert.ok(service.files?.includes('/c/t.crt'));
    assert.equal(service.openFiles, 1024);
  });

  test('refuses a directory whose socket no system could make', () => {
    assert.throws(() => ldapService({ ...options, directory: `/${'d'.repeat(100)}` }), {
      kind: 'environment',
      hint: /shorter --name/,
    });
  });
});
