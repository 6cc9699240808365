import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { imagePrograms } from '../../../cluster/kind/image/components.ts';
import type { Profile } from '../../../cluster/profile.ts';
import { binaryPath, cacheEntry } from '../../../cluster/toolchain/cache.ts';
import { loadCatalogue, MODULES_DIRECTORY, pinnedModule } from '../../../cluster/toolchain/catalogue.ts';
import { IMAGE_OS } from '../../../cluster/toolchain/go.ts';

/** A directory for a cache and state, gone when the test ends. */
export async function temporary(t: TestContext): Promise<{ readonly cache: string; readonly state: string }> {
  const root = await mkdtemp(path.join(tmpdir(), 'toolforge-local-test-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  return { cache: path.join(root, 'cache'), state: path.join(root, 'state') };
}

/** Everything that goes into images is built already. */
export async function cachePrograms(profile: Profile, cache: string): Promise<void> {
  const catalogue = await loadCatalogue(MODULES_DIRECTORY);
  for (const { module, binary } of imagePrograms(profile)) {
    const entry = await cacheEntry(pinnedModule(catalogue, module), cache, IMAGE_OS);
    await mkdir(entry.directory, { recursive: true });
    await writeFile(binaryPath(entry, binary), 'program', { mode: 0o755 });
  }
}
