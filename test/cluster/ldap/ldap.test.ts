import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import {
  bringTreeAbout,
  connectReader,
  connectWriter,
  DEFAULT_TOOLS,
  GROUPS_DN,
  ldapReader,
  ldapStatus,
  LOCK_ATTRIBUTES,
  PEOPLE_DN,
  READER_DN,
  setLocked,
  toolDn,
  toolEntries,
  TOOLS_DN,
} from '../../../components/ldap/index.ts';
import { systemClock } from '../../../lib/clock.ts';
import { connectLdap, type LdapClient } from '../../../lib/ldap/client.ts';
import { RESULT } from '../../../lib/ldap/errors.ts';
import { valuesOf, type LdapChange, type LdapSearch } from '../../../lib/ldap/types.ts';
import { waitFor } from '../../../lib/wait.ts';
import { createRig, type LdapRig } from './rig.ts';

/** What maintain-kubeusers searches for (TOOLFORGE.md, section 4). */
const TOOLS: LdapSearch = {
  filter: '(&(objectClass=posixAccount)(cn=local.*))',
  attributes: ['cn', 'uidNumber', 'homeDirectory', ...LOCK_ATTRIBUTES],
};
const run = promisify(execFile);
const additions = (count: number): LdapChange[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `many-${index}`,
    uid: 59_000 + index,
    maintainers: [],
  }))
    .flatMap((tool) => toolEntries(tool))
    .map((entry) => ({ kind: 'add', ...entry }));

suite('LDAP: a fresh tree', () => {
  let rig: LdapRig;
  let reader: LdapClient;
  before(async () => {
    rig = await createRig();
    reader = await connectReader(rig.cluster, rig.context.signal);
  });
  after(async () => {
    await reader.close();
    await rig.remove();
  });

  test('the default tools are there as production would have them', async () => {
    const found = await reader.search(TOOLS_DN, TOOLS);
    const told = found.map(({ attributes }) => attributes);
    assert.deepEqual(
      told.toSorted((one, other) => String(one['uidnumber']).localeCompare(String(other['uidnumber']))),
      [
        { cn: ['local.tf-test'], uidnumber: ['50001'], homedirectory: ['/data/project/tf-test'] },
        { cn: ['local.tf-test2'], uidnumber: ['50002'], homedirectory: ['/data/project/tf-test2'] },
        { cn: ['local.fourohfour'], uidnumber: ['50003'], homedirectory: ['/data/project/fourohfour'] },
      ],
    );
  });

  test('the admins are people in the group cn=local.admin', async () => {
    const [group] = await reader.search(GROUPS_DN, { filter: '(cn=local.admin)', attributes: ['member'] });
    const members = group === undefined ? [] : valuesOf(group, 'member').map(String);
    assert.deepEqual(members, [`uid=tf-admin,${PEOPLE_DN}`]);
    const person = await reader.read(members[0] ?? '', ['uid', 'uidNumber']);
    assert.deepEqual(person?.attributes, { uid: ['tf-admin'], uidnumber: ['40001'] });
  });

  test('a second `up` neither restarts it nor writes anything', async () => {
    const pid = await rig.pid();
    assert.equal(await rig.start(), false);
    assert.equal(await bringTreeAbout(rig.directory, rig.context), 0);
    assert.equal(await rig.pid(), pid);
  });

  test('a default account that someone changed or deleted is mended', async () => {
    await rig.writer(async (writer) => {
      await writer.change({ kind: 'delete', dn: toolDn('fourohfour') });
      await writer.change({ kind: 'replace', dn: toolDn('tf-test'), attributes: { uidNumber: ['7'] } });
    });
    assert.equal(await bringTreeAbout(rig.directory, rig.context), 2);
    assert.equal((await reader.search(TOOLS_DN, TOOLS)).length, DEFAULT_TOOLS.length);
    const entry = await reader.read(toolDn('tf-test'), ['uidNumber']);
    assert.deepEqual(entry?.attributes, { uidnumber: ['50001'] });
  });

  test('its files are ours alone', async () => {
    assert.equal((await stat(rig.directory)).mode & 0o777, 0o700);
    for (const name of await readdir(rig.directory)) {
      const { mode } = await stat(path.join(rig.directory, name));
      if (!name.endsWith('.sock')) assert.equal(mode & 0o077, 0, `${name} has mode ${mode.toString(8)}`);
    }
    const config = await readFile(path.join(rig.directory, 'slapd.conf'), 'utf8');
    const password = await readFile(path.join(rig.directory, 'writer.password'), 'utf8');
    assert.ok(!config.includes(password.trim()));
  });

  test('status counts, and names the trouble while it is down', async () => {
    const status = await ldapStatus(rig.cluster, rig.context.signal);
    assert.deepEqual(status.content, { tools: 3, locked: 0, people: 1 });
    assert.ok((status.rss ?? 0) > 1024 * 1024 && (status.databaseBytes ?? 0) > 0);
    await rig.cluster.supervisor.stop(['slapd']);
    const down = await ldapStatus(rig.cluster, rig.context.signal);
    assert.ok('problem' in down.content);
    assert.match(down.content.problem, /did not answer/);
    assert.equal(down.rss, undefined);
    await rig.start();
    reader = await connectReader(rig.cluster, rig.context.signal);
  });
});

suite('LDAP: who may what', () => {
  let rig: LdapRig;
  before(async () => {
    rig = await createRig();
  });
  after(() => rig.remove());

  const anonymous = async (): Promise<LdapClient> => {
    const { url, caFile } = ldapReader(rig.cluster);
    return connectLdap({ server: { url, ca: await readFile(caFile, 'utf8') } });
  };

  test('nobody gets anything: not the tools, not an account, not what the server is', async () => {
    for (const [base, search] of [
      [TOOLS_DN, TOOLS],
      [toolDn('tf-test'), { ...TOOLS, scope: 'base' }],
      ['', { filter: '(objectClass=*)', attributes: ['*', '+'], scope: 'base' }],
      ['cn=Subschema', { filter: '(objectClass=*)', attributes: ['*', '+'], scope: 'base' }],
    ] as const) {
      const client = await anonymous();
      // ldapts opens the connection with the first request
      const got = await client.searchUnpaged(base, search).then(
        (entries) => entries,
        (error: unknown) => error,
      );
      assert.ok(
        got instanceof Error && 'code' in got && got.code !== RESULT.noAnswer,
        `${base}: ${String(got)}`,
      );
      await client.close();
    }
  });

  test('a wrong password is refused, for the reader and the writer', async () => {
    const { url, caFile } = ldapReader(rig.cluster);
    const server = { url, ca: await readFile(caFile, 'utf8') };
    for (const dn of [READER_DN, 'cn=admin,dc=wikimedia,dc=org', toolDn('tf-test')]) {
      await assert.rejects(connectLdap({ server, bind: { dn, password: 'guess' } }), {
        code: RESULT.invalidCredentials,
      });
    }
  });

  test('the reader reads, but no passwords, and writes nothing', async () => {
    const reader = await connectReader(rig.cluster, rig.context.signal);
    try {
      assert.equal((await reader.search(TOOLS_DN, TOOLS)).length, 3);
      assert.deepEqual((await reader.read(READER_DN, ['userPassword']))?.attributes, {});
      const attributes = { description: ['x'] };
      for (const change of [
        { kind: 'replace', dn: toolDn('tf-test'), attributes },
        { kind: 'delete', dn: toolDn('tf-test') },
        { kind: 'replace', dn: READER_DN, attributes },
      ] satisfies LdapChange[]) {
        await assert.rejects(reader.change(change), { code: RESULT.insufficientAccess });
      }
    } finally {
      await reader.close();
    }
  });

  test('a client that trusts another authority does not talk to it', async () => {
    const { url } = ldapReader(rig.cluster);
    await rig.cluster.pki.authority('another');
    const ca = await readFile(rig.cluster.pki.files('another').certificate, 'utf8');
    await assert.rejects(connectLdap({ server: { url, ca }, bind: { dn: READER_DN, password: 'x' } }), {
      code: RESULT.noAnswer,
      why: /certificate/,
    });
  });

  test('it listens on loopback only, and not in the clear', async () => {
    const port = rig.cluster.hostPorts.ldap.toString(16).toUpperCase().padStart(4, '0');
    if (process.platform !== 'linux') return;
    const listening = async (file: string): Promise<string[]> =>
      (await readFile(file, 'utf8'))
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter(([, local, , state]) => local?.endsWith(`:${port}`) === true && state === '0A')
        .map(([, local = '']) => local);
    assert.deepEqual(await listening('/proc/net/tcp'), [`0100007F:${port}`]);
    assert.deepEqual(await listening('/proc/net/tcp6'), []);
  });

  const asRoot = process.getuid?.() === 0 ? false : 'only root can become a second user';
  test('a second local user gets nothing', { skip: asRoot }, async () => {
    const socket = path.join(rig.directory, 'slapd.sock');
    const script = `require('node:net').connect(process.argv[1]).on('error', (error) => console.log(error.code))
      .on('connect', () => { console.log('connected'); process.exit(); })`;
    const nobody = { uid: 65534, gid: 65534, cwd: '/' };
    assert.equal((await run(process.execPath, ['-e', script, socket], nobody)).stdout.trim(), 'EACCES');
    const read = `try { console.log(require('node:fs').readFileSync(process.argv[1], 'utf8')) } catch (e) { console.log(e.code) }`;
    const { passwordFile } = ldapReader(rig.cluster);
    assert.equal((await run(process.execPath, ['-e', read, passwordFile], nobody)).stdout.trim(), 'EACCES');
  });
});

suite('LDAP: searches', () => {
  let rig: LdapRig;
  let reader: LdapClient;
  before(async () => {
    rig = await createRig();
    await rig.writer(async (writer) => {
      const changes = additions(700);
      for (let from = 0; from < changes.length; from += 200)
        await writer.transaction(changes.slice(from, from + 200));
    });
    reader = await connectReader(rig.cluster, rig.context.signal);
  });
  after(async () => {
    await reader.close();
    await rig.remove();
  });

  test('an unpaged search for more than 500 entries is refused', async () => {
    await assert.rejects(reader.searchUnpaged(TOOLS_DN, TOOLS), { code: RESULT.sizeLimitExceeded });
    const few = await reader.searchUnpaged(TOOLS_DN, { ...TOOLS, filter: '(cn=local.many-1*)' });
    assert.equal(few.length, 111);
  });

  test('a paged search returns all of them, each once', async () => {
    const names = (await reader.search(TOOLS_DN, TOOLS)).map(({ dn }) => dn);
    assert.equal(names.length, 703);
    assert.equal(new Set(names).size, 703);
  });

  test('contextCSN tells every kind of change, and nothing else', async () => {
    const csn = async (): Promise<string> => {
      const [value] = valuesOf(
        (await reader.read('dc=wikimedia,dc=org', ['contextCSN'])) ?? missing(),
        'contextCSN',
      );
      return String(value);
    };
    const [entry] = toolEntries({ name: 'watched', uid: 59_999, maintainers: [] });
    const dn = entry.dn;
    const attributes = { description: ['x'] };
    let before = await csn();
    assert.equal(await csn(), before);
    await reader.search(TOOLS_DN, TOOLS);
    assert.equal(await csn(), before);
    for (const change of [
      { kind: 'add', ...entry },
      { kind: 'replace', dn, attributes },
      { kind: 'delete', dn },
    ] satisfies LdapChange[]) {
      await rig.writer((writer) => writer.change(change));
      const now = await csn();
      assert.ok(now > before, `${change.kind}: ${now} is not after ${before}`);
      before = now;
    }
  });

  test('entryCSN finds what was added or modified since', async () => {
    const root = await reader.read('dc=wikimedia,dc=org', ['contextCSN']);
    const [since] = valuesOf(root ?? missing(), 'contextCSN');
    await rig.writer((writer) => setLocked(writer, 'many-3', true, Date.now()));
    const filter = `(&(objectClass=posixAccount)(entryCSN>=${String(since)})(!(entryCSN=${String(since)})))`;
    const changed = await reader.search(TOOLS_DN, { ...TOOLS, filter });
    assert.deepEqual(
      changed.map(({ dn }) => dn),
      [toolDn('many-3')],
    );
  });

  test('a transaction is all or nothing, and names what was refused', async () => {
    const entry = (name: string) => toolEntries({ name, uid: 59_900, maintainers: [] })[0];
    const add = (name: string): LdapChange => ({ kind: 'add', ...entry(name) });
    await rig.writer(async (writer) => {
      await assert.rejects(writer.transaction([add('fresh-a'), add('many-1'), add('fresh-b')]), {
        code: RESULT.entryAlreadyExists,
      });
      const unknown: LdapChange = { ...entry('x'), kind: 'add', attributes: { objectClass: ['nonsense'] } };
      await assert.rejects(writer.transaction([add('fresh-a'), unknown]), {
        what: /refused add uid=local\.x/,
      });
    });
    assert.deepEqual(await reader.search(TOOLS_DN, { ...TOOLS, filter: '(cn=local.fresh-*)' }), []);
  });

  test('a hundred transactions, refused ones between them, do not shake the server', async () => {
    const pid = await rig.pid();
    await rig.writer(async (writer) => {
      for (let round = 0; round < 100; round += 1) {
        const names = Array.from({ length: 1 + (round % 8) }, (_, index) => `round-${round}-${index}`);
        const entries = names.flatMap((name) => toolEntries({ name, uid: 59_800, maintainers: [] }));
        const adds: LdapChange[] = entries.map((entry) => ({ kind: 'add', ...entry }));
        const unknown: LdapChange = { kind: 'add', dn: 'uid=x', attributes: { objectClass: ['nonsense'] } };
        if (round % 3 === 0) {
          await assert.rejects(writer.transaction([...adds, unknown]), { what: /refused add uid=x/ });
        } else {
          await writer.transaction(adds);
          await writer.transaction(entries.map(({ dn }) => ({ kind: 'delete', dn })));
        }
      }
    });
    assert.equal(await rig.pid(), pid);
    assert.deepEqual(await reader.search(TOOLS_DN, { ...TOOLS, filter: '(cn=local.round-*)' }), []);
  });
});

suite('LDAP: locks', () => {
  let rig: LdapRig;
  before(async () => {
    rig = await createRig();
  });
  after(() => rig.remove());

  const seen = async (): Promise<Record<string, readonly unknown[]>> => {
    const reader = await connectReader(rig.cluster, rig.context.signal);
    try {
      const search = { ...TOOLS, filter: '(&(objectClass=posixAccount)(pwdAccountLockedTime=*))' };
      const locked = await reader.search(TOOLS_DN, search);
      return Object.fromEntries(
        locked.map((entry) => [entry.dn, LOCK_ATTRIBUTES.flatMap((name) => valuesOf(entry, name))]),
      );
    } finally {
      await reader.close();
    }
  };

  test('are what the reader sees, and go again', async () => {
    const at = Date.UTC(2026, 7, 30, 12, 1, 2);
    assert.equal(await rig.writer((writer) => setLocked(writer, 'tf-test', true, at)), true);
    const locked = {
      [toolDn('tf-test')]: ['20260830120102Z', 'cn=disabled,ou=ppolicies,dc=wikimedia,dc=org'],
    };
    assert.deepEqual(await seen(), locked);
    assert.equal(await rig.writer((writer) => setLocked(writer, 'tf-test', true, at + 60_000)), false);
    assert.deepEqual(await seen(), locked);
    assert.equal(await bringTreeAbout(rig.directory, rig.context), 0, 'another `up` must not unlock it');
    assert.equal(await rig.writer((writer) => setLocked(writer, 'tf-test', false, at)), true);
    assert.deepEqual(await seen(), {});
    assert.equal(await rig.writer((writer) => setLocked(writer, 'tf-test', false, at)), false);
  });

  test('half a lock counts as one, and is undone whole', async () => {
    const attributes = { pwdAccountLockedTime: ['000001010000Z'] };
    await rig.writer((writer) => writer.change({ kind: 'replace', dn: toolDn('tf-test2'), attributes }));
    assert.equal(await rig.writer((writer) => setLocked(writer, 'tf-test2', false, 0)), true);
    assert.deepEqual(await seen(), {});
  });

  test('of a tool that does not exist are a mistake of the person', async () => {
    await assert.rejects(
      rig.writer((writer) => setLocked(writer, 'nobody*)(cn=*', true, 0)),
      { kind: 'usage', what: /no tool named/ },
    );
  });
});

suite('LDAP: trouble', () => {
  let rig: LdapRig;
  before(async () => {
    rig = await createRig();
    await rig.writer((writer) => writer.transaction(additions(100)));
  });
  after(() => rig.remove());

  const count = async (): Promise<number> => {
    const reader = await connectReader(rig.cluster, rig.context.signal);
    try {
      return (await reader.search(TOOLS_DN, TOOLS)).length;
    } finally {
      await reader.close();
    }
  };
  const answers = () =>
    waitFor(
      'LDAP to answer',
      () =>
        connectWriter(rig.directory).then(
          (client) => client.close().then(() => true),
          () => undefined,
        ),
      { clock: systemClock, signal: rig.context.signal, timeoutMs: 15_000 },
    );

  test('a restart keeps everything', async () => {
    await rig.cluster.supervisor.stop(['slapd']);
    assert.equal(await rig.start(), true);
    assert.equal(await count(), 103);
  });

  test('a kill keeps everything, and it comes back by itself', async () => {
    const before = await rig.pid();
    await rig.kill();
    await waitFor('another slapd', async () => ((await rig.pid()) === before ? undefined : true), {
      clock: systemClock,
      signal: rig.context.signal,
      timeoutMs: 15_000,
    });
    await answers();
    assert.equal(await count(), 103);
  });

  test('a client whose server dies is told so, at once and for ever', async () => {
    const client = await connectWriter(rig.directory);
    await rig.cluster.supervisor.stop(['slapd']);
    await assert.rejects(client.search(TOOLS_DN, TOOLS), { code: RESULT.noAnswer });
    await assert.rejects(connectWriter(rig.directory), { code: RESULT.noAnswer, hint: /npm run status/ });
    await rig.start();
    await assert.rejects(client.search(TOOLS_DN, TOOLS), { code: RESULT.noAnswer });
    await client.close();
  });

  test('a server that hangs is given up after the time that the client allows', async () => {
    const client = await connectWriter(rig.directory, { timeoutMs: 300 });
    const pid = await rig.pid();
    await freeze(pid);
    try {
      await assert.rejects(client.search(TOOLS_DN, TOOLS), { code: RESULT.noAnswer });
      await assert.rejects(connectWriter(rig.directory, { timeoutMs: 300 }), { code: RESULT.noAnswer });
    } finally {
      process.kill(pid, 'SIGCONT');
      await client.close();
    }
    assert.equal(await count(), 103);
  });

  test('Ctrl-C ends a request that waits', async () => {
    const abort = new AbortController();
    const client = await connectWriter(rig.directory, { signal: abort.signal });
    const pid = await rig.pid();
    await freeze(pid);
    try {
      const searching = client.search(TOOLS_DN, TOOLS);
      setTimeout(() => {
        abort.abort();
      }, 50);
      await assert.rejects(searching, { kind: 'interrupted' });
    } finally {
      process.kill(pid, 'SIGCONT');
      await client.close();
    }
  });

  test('a taken port is named, and freeing it is all it takes', async () => {
    const { supervisor, hostPorts } = rig.cluster;
    await supervisor.stop(['slapd']);
    const intruder = createServer();
    await new Promise<void>((resolve) => intruder.listen(hostPorts.ldap, '127.0.0.1', resolve));
    await assert.rejects(rig.start(), { kind: 'cluster', why: /Address already in use/ });
    await new Promise<void>((resolve) => {
      intruder.close(() => {
        resolve();
      });
    });
    await supervisor.stop(['slapd']);
    assert.equal(await rig.start(), true);
    assert.equal(await count(), 103);
  });

  test('a damaged database is named, not served', async () => {
    const file = path.join(rig.directory, 'database', 'data.mdb');
    await rig.cluster.supervisor.stop(['slapd']);
    const content = await readFile(file);
    await writeFile(file, 'not a database');
    await assert.rejects(rig.start(), { kind: 'cluster', why: /cannot be opened/ });
    await rig.cluster.supervisor.stop(['slapd']);
    await writeFile(file, content);
    await rig.start();
    assert.equal(await count(), 103);
  });

  test('a lost reader password is made anew', async () => {
    await rm(ldapReader(rig.cluster).passwordFile);
    await rig.start();
    assert.equal(await bringTreeAbout(rig.directory, rig.context), 1);
    assert.equal(await count(), 103);
  });
});

/** Stops a process, and waits until it stands still: the signal takes a moment. */
async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  const signal = new AbortController().signal;
  await waitFor(
    'the process to stand still',
    async () =>
      (await run('ps', ['-o', 'stat=', '-p', String(pid)])).stdout.startsWith('T') ? true : undefined,
    { clock: systemClock, signal, timeoutMs: 5_000 },
  );
}

function missing(): never {
  throw new Error('the entry is missing');
}
