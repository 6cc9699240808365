import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runAnew } from '../../../components/maintain-kubeusers/dev.ts';
import { systemClock } from '../../../lib/clock.ts';
import { waitFor } from '../../../lib/wait.ts';

/** Says that it started, and how it was ended. */
const PROGRAM = `
import { appendFileSync } from 'node:fs';
const [, , log, code] = process.argv;
process.on('SIGTERM', () => { appendFileSync(log, 'ended\\n'); process.exitCode = 7; clearInterval(timer); });
const timer = setInterval(() => undefined, 1_000);
if (code !== undefined) { clearInterval(timer); process.exitCode = Number(code); }
appendFileSync(log, 'started\\n');
`;

suite('the loop while its sources are edited', { timeout: 60_000 }, () => {
  let root: string;
  let log: string;
  let template: string;
  before(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'dev-'));
    log = path.join(root, 'log');
    template = path.join(root, 'sources', 'deep', 'template.yaml');
    await mkdir(path.dirname(template), { recursive: true });
    await writeFile(template, 'a: 1');
    await writeFile(path.join(root, 'sources', 'main.ts'), PROGRAM);
  });
  after(() => rm(root, { recursive: true }));

  const run = (...args: string[]) => {
    const end = new AbortController();
    const arguments_ = [path.join(root, 'sources', 'main.ts'), log, ...args];
    const code = runAnew(process.execPath, arguments_, [path.join(root, 'sources')], end.signal);
    return { code, end };
  };
  const seen = async (wanted: readonly string[]): Promise<void> => {
    await waitFor(
      wanted.join(),
      async () => {
        const lines = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n');
        return lines.join() === wanted.join() ? true : undefined;
      },
      { clock: systemClock, signal: new AbortController().signal, timeoutMs: 10_000 },
    );
  };

  test('an edit of any file ends it and starts it anew, however the file is written', async () => {
    const { code, end } = run();
    const events = ['started'];
    const again = async (edit: () => Promise<unknown>): Promise<void> => {
      await seen(events);
      await edit();
      events.push('ended', 'started');
      await seen(events);
    };
    const replaced = async (): Promise<void> => {
      // Written elsewhere, as git and some editors do it: the directory sees no other name.
      await writeFile(path.join(root, 'new'), String(events.length));
      await rename(path.join(root, 'new'), template);
    };
    await again(() => writeFile(template, 'a: 2'));
    await again(replaced);
    await again(replaced);
    await again(() => writeFile(template, 'a: 3'));
    await again(() => writeFile(path.join(root, 'sources', 'new.ts'), ''));
    end.abort();
    assert.equal(await code, 7);
    await seen([...events, 'ended']);
    await rm(log);
  });

  test('one that ends by itself waits for an edit; what an editor leaves beside a file is none', async () => {
    const { code, end } = run('3');
    await seen(['started']);
    await writeFile(`${template}.swp`, '');
    await systemClock.sleep(500);
    await seen(['started']);
    await writeFile(template, 'a: 4');
    await seen(['started', 'started']);
    end.abort();
    assert.equal(await code, 3);
  });
});
