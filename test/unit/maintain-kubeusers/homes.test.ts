import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { Stats } from 'node:fs';
import promises, {
  appendFile,
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, suite, test, type TestContext } from 'node:test';
import { homesVia } from '../../../components/maintain-kubeusers/homes/homes-via.ts';
import { perform } from '../../../components/maintain-kubeusers/homes/perform.ts';

const root = await mkdtemp(path.join(tmpdir(), 'homes-'));
await chmod(root, 0o711); // for accounts
after(() => rm(root, { recursive: true, force: true }));
const isRoot = process.geteuid?.() === 0;
/** Without root every home belongs to whoever runs the test. */
const OWNER = { type: 'tool' as const, name: 'a', uid: isRoot ? 50_001 : (process.geteuid?.() ?? 0) };
const onlyRoot = isRoot ? {} : { skip: 'only root can give files away' };

let number = 0;

/** Homes in a directory of their own, with one made. */
async function stage() {
  const directory = path.join(root, String(++number));
  const roots = { tool: path.join(directory, 'project'), admin: path.join(directory, 'home') };
  const homes = homesVia((operation) => perform(roots, operation));
  await homes.makeDirectory(OWNER, '', 0o2775);
  await homes.makeDirectory(OWNER, '.kube', 0o750);
  const home = path.join(roots.tool, 'a');
  const secret = path.join(directory, 'secret');
  await mkdir(secret, { mode: 0o700 });
  await writeFile(path.join(secret, 'config'), 'nobody else may read this');
  return { homes, home, secret, at: (file: string) => path.join(home, file) };
}

/** What all open files have in common: their methods. */
const handle = await open(root);
const handles = Object.getPrototypeOf(handle) as FileHandle;
await handle.close();

/** The account itself, for the rest of the test, where the tests run as root. */
function leaveRoot(t: TestContext): void {
  if (!isRoot) return;
  process.setegid?.(OWNER.uid);
  process.seteuid?.(OWNER.uid);
  t.after(() => {
    process.seteuid?.(0);
    process.setegid?.(0);
  });
}

const modeOf = async (file: string): Promise<string> => ((await lstat(file)).mode & 0o7777).toString(8);

suite('homes', () => {
  test('directories and files have the modes that were asked for, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      const { homes, home, at } = await stage();
      await homes.write(OWNER, '.kube/config', 'x', 0o600);
      await homes.write(OWNER, '.kube/key', 'x', 0o400);
      assert.deepEqual(
        await Promise.all([home, at('.kube'), at('.kube/config'), at('.kube/key')].map(modeOf)),
        ['2775', '750', '600', '400'],
      );
      assert.equal((await homes.facts(OWNER, '.kube/key'))?.mode, 0o400);
    } finally {
      process.umask(before);
    }
  });

  test('the account owns all of it', onlyRoot, async () => {
    const { homes, home, at } = await stage();
    await homes.write(OWNER, '.kube/config', 'x', 0o600);
    for (const file of [home, at('.kube'), at('.kube/config')]) {
      const { uid, gid } = await lstat(file);
      assert.deepEqual([uid, gid], [OWNER.uid, OWNER.uid]);
    }
  });

  test('a directory that is there keeps its mode; a file is replaced whole, also a read-only one', async () => {
    const { homes, home, at } = await stage();
    await chmod(home, 0o2770);
    await homes.makeDirectory(OWNER, '', 0o2775);
    assert.equal(await modeOf(home), '2770');
    await homes.write(OWNER, '.kube/key', 'old', 0o400);
    await homes.write(OWNER, '.kube/key', 'new', 0o400);
    assert.equal(await readFile(at('.kube/key'), 'utf8'), 'new');
    assert.deepEqual(await readdir(at('.kube')), ['key'], 'no temporary file is left');
  });

  test('what a kill left of a write is gone after the next', async () => {
    const { homes, at } = await stage();
    await writeFile(at('.kube/.config.maintain-kubeusers'), 'half');
    await homes.write(OWNER, '.kube/config', 'whole', 0o600);
    assert.deepEqual(await readdir(at('.kube')), ['config']);
  });

  test('what a kill left of a directory is finished', onlyRoot, async () => {
    const { homes, at } = await stage();
    await mkdir(at('logs'), { mode: 0o700 }); // root's still, since the owner comes last
    await homes.makeDirectory(OWNER, 'logs', 0o2775);
    const { uid } = await lstat(at('logs'));
    assert.deepEqual([uid, await modeOf(at('logs'))], [OWNER.uid, '2775']);
  });

  test('an exact mode is set again, and the directory stays the same', async () => {
    const { homes, home, at } = await stage();
    const { ino } = await lstat(at('.kube'));
    await chmod(at('.kube'), 0o777);
    await homes.makeDirectory(OWNER, '.kube', 0o700, true);
    assert.deepEqual([await modeOf(at('.kube')), (await lstat(at('.kube'))).ino], ['700', ino]);
    assert.deepEqual(await readdir(home), ['.kube']);
  });

  for (const asRoot of [true, false]) {
    const who = asRoot ? 'root' : 'an ordinary user';
    const possible = asRoot && !isRoot ? onlyRoot : {};
    test(
      `${who}, killed before a directory has its mode, gives it that the next time`,
      possible,
      async (t) => {
        const { homes, home, at } = await stage();
        if (!asRoot) leaveRoot(t);
        const { mock } = t.mock.method(handles, 'chmod');
        mock.mockImplementationOnce(() => Promise.reject(new Error('killed'))); // nothing after it happens
        await assert.rejects(homes.makeDirectory(OWNER, 'logs', 0o2775), /killed/);
        await homes.makeDirectory(OWNER, 'logs', 0o2775);
        assert.equal(await modeOf(at('logs')), '2775');
        assert.deepEqual(await readdir(home), ['.kube', 'logs']);
      },
    );
  }

  test('what takes the place of a new directory is given to nobody', onlyRoot, async (t) => {
    const { homes, secret, at } = await stage();
    await chown(secret, 50_002, 50_002);
    const { mkdir: real } = promises;
    t.mock.method(promises, 'mkdir', async (...args: Parameters<typeof mkdir>) => {
      const made = await real(...args);
      await rename(at('logs'), at('aside'));
      await rename(secret, at('logs'));
      return made;
    });
    syncBuiltinESMExports();
    try {
      await assert.rejects(homes.makeDirectory(OWNER, 'logs', 0o2775), /belongs to user 50002/);
    } finally {
      t.mock.restoreAll();
      syncBuiltinESMExports();
    }
    const { uid } = await lstat(at('logs'));
    assert.deepEqual([uid, await modeOf(at('logs'))], [50_002, '700']);
  });

  test('no link is followed: neither a home, nor a directory, nor a file', async () => {
    const { homes, home, secret, at } = await stage();
    await rm(at('.kube'), { recursive: true });
    await symlink(secret, at('.kube'));
    const refused = /\.kube is a symbolic link/;
    await assert.rejects(homes.read(OWNER, '.kube/config', 100), refused);
    await assert.rejects(homes.write(OWNER, '.kube/config', 'x', 0o600), refused);
    await assert.rejects(homes.remove(OWNER, '.kube/config'), refused);
    await assert.rejects(homes.makeDirectory(OWNER, '.kube/x', 0o755), refused);
    await assert.rejects(homes.makeDirectory(OWNER, '.kube', 0o755), /is a symbolic link/);

    await rm(at('.kube'));
    await homes.makeDirectory(OWNER, '.kube', 0o750);
    await symlink(path.join(secret, 'config'), at('.kube/config'));
    await assert.rejects(homes.read(OWNER, '.kube/config', 100), /config: is a symbolic link/);
    await homes.write(OWNER, '.kube/config', 'x', 0o600); // takes the link's place

    await rename(home, `${home}.aside`);
    await symlink(secret, home);
    await assert.rejects(homes.write(OWNER, 'config', 'x', 0o600), /the home is a symbolic link/);
    await assert.rejects(homes.makeDirectory(OWNER, '', 0o2775), /is a symbolic link/);
    assert.deepEqual(await readdir(secret), ['config']);
    assert.equal(await readFile(path.join(secret, 'config'), 'utf8'), 'nobody else may read this');
  });

  // Elsewhere the loop runs as the person who owns all homes, and names are joined (homes/open.ts).
  const onlyLinux = process.platform === 'linux' ? {} : { skip: 'only Linux opens names from a directory' };
  test('a link that takes the place of a directory while we work leads nowhere', onlyLinux, async () => {
    const { homes, home, secret, at } = await stage();
    const stop = new AbortController();
    const flip = (async () => {
      while (!stop.signal.aborted) {
        await rename(at('.kube'), at('.aside'));
        await symlink(secret, at('.kube'));
        await rm(at('.kube'));
        await rename(at('.aside'), at('.kube'));
      }
    })();
    const outcomes = { written: 0, refused: 0 };
    for (let round = 0; round < 150; round += 1) {
      const done = await homes.write(OWNER, '.kube/config', 'mine', 0o600).then(
        () => 'written' as const,
        () => 'refused' as const,
      );
      outcomes[done] += 1;
    }
    stop.abort();
    await flip;
    assert.deepEqual(await readdir(secret), ['config'], JSON.stringify(outcomes));
    assert.equal(await readFile(path.join(secret, 'config'), 'utf8'), 'nobody else may read this');
    assert.ok((await readdir(home)).length > 0);
  });

  test("somebody else's files are refused", onlyRoot, async () => {
    const { homes, home, secret, at } = await stage();
    await link(path.join(secret, 'config'), at('.kube/config'));
    await assert.rejects(homes.read(OWNER, '.kube/config', 100), /belongs to user 0, not to 50001/);
    await chown(home, 50_002, 50_002);
    await assert.rejects(homes.write(OWNER, '.kube/config', 'x', 0o600), /the home belongs to user 50002/);
    await assert.rejects(homes.makeDirectory(OWNER, '', 0o2775), /belongs to user 50002/);
  });

  test('a pipe does not hold us up, and what is no file or too long is refused', async () => {
    const { homes, at } = await stage();
    execFileSync('mkfifo', [at('.kube/config')]);
    if (isRoot) await chown(at('.kube/config'), OWNER.uid, OWNER.uid);
    await assert.rejects(homes.read(OWNER, '.kube/config', 100), /is not a file/);
    await homes.write(OWNER, '.kube/long', 'x'.repeat(101), 0o600);
    await assert.rejects(homes.read(OWNER, '.kube/long', 100), /has more than 100 bytes/);
    assert.equal((await homes.read(OWNER, '.kube/long', 101))?.length, 101);
    await homes.write(OWNER, '.kube/file', 'x', 0o600);
    await assert.rejects(homes.write(OWNER, '.kube/file/x', 'x', 0o600), /file is not a directory/);
  });

  test('a file that grows while it is read is not read beyond what was asked for', async (t) => {
    const { homes, at } = await stage();
    await homes.write(OWNER, '.kube/file', 'x'.repeat(40), 0o600);
    const real = Reflect.get(handles, 'stat') as (this: FileHandle) => Promise<Stats>;
    t.mock.method(handles, 'stat', async function grow(this: FileHandle) {
      const facts = await real.call(this);
      if (facts.isFile()) await appendFile(at('.kube/file'), 'x'.repeat(40));
      return facts;
    });
    const read = await homes.read(OWNER, '.kube/file', 100).catch(() => undefined);
    assert.ok((read?.length ?? 0) <= 100, `${read?.length ?? 0} bytes`);
  });

  test('a file that changed since it was read is left alone', async () => {
    const { homes, at } = await stage();
    const file = '.kube/config';
    await homes.write(OWNER, file, 'first', 0o600, { content: undefined });
    const changed = /\.kube\/config: was changed by somebody else meanwhile/;
    await assert.rejects(homes.write(OWNER, file, 'ours', 0o600, { content: undefined }), changed);
    const content = await homes.read(OWNER, file, 100);
    for (const theirs of ['first, and more', 'fir', 'other', '']) {
      await writeFile(at(file), theirs);
      await assert.rejects(homes.write(OWNER, file, 'ours', 0o600, { content }), changed);
      assert.equal(await readFile(at(file), 'utf8'), theirs);
    }
    await rm(at(file));
    await assert.rejects(homes.write(OWNER, file, 'ours', 0o600, { content }), changed);
    assert.deepEqual(await readdir(at('.kube')), []);
    await homes.write(OWNER, file, 'first', 0o600);
    await homes.write(OWNER, file, 'ours', 0o600, { content });
    assert.equal(await readFile(at(file), 'utf8'), 'ours');
  });

  test('paths lead nowhere but into the home', async () => {
    const { homes } = await stage();
    for (const bad of ['..', '../b/config', '.kube/../../x', '/etc/passwd', '.kube//config', '.']) {
      await assert.rejects(homes.write(OWNER, bad, 'x', 0o600), /is no path/);
    }
  });

  test('what is not there is absent, not an error; errors do not name our own paths', async () => {
    const { homes, at } = await stage();
    const nobody = { ...OWNER, name: 'nobody' };
    assert.equal(await homes.read(OWNER, '.kube/config', 100), undefined);
    assert.equal(await homes.facts(nobody, ''), undefined);
    assert.equal(await homes.facts(nobody, '.kube/config'), undefined);
    await homes.remove(nobody, '.kube/config');
    await mkdir(at('.kube/config'));
    await assert.rejects(homes.write(OWNER, '.kube/config', 'x', 0o600), (error: Error) => {
      assert.match(error.message, /^The home of tool a could not be worked on: \.kube\/config: EISDIR/);
      assert.doesNotMatch(error.message, /proc/);
      return true;
    });
    assert.deepEqual(await readdir(at('.kube')), ['config']);
  });
});
