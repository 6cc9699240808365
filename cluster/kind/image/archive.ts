import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Context } from '../../../lib/context.ts';
import { IMAGE_OS, PLATFORM } from '../../toolchain/go.ts';

/** What an image says of itself; the form of the engine's and of OCI's configuration. */
export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly StopSignal?: string;
}

/** An image in an archive. */
interface Entry {
  readonly Config: string;
  readonly RepoTags: readonly string[];
  readonly Layers: readonly string[];
}

/**
 * Images in the form that `docker load` and `ctr images import` read, as a directory: one layer each, with the same
 * bytes for the same files. Made without any engine.
 */
export class ImageArchive {
  readonly #directory: string;
  readonly #context: Context;
  readonly #entries: Entry[] = [];

  constructor(directory: string, context: Context) {
    this.#directory = directory;
    this.#context = context;
  }

  /** Adds an image that consists of the files below `root`. */
  async add(reference: string, root: string, config: ImageConfig): Promise<void> {
    const tar = path.join(this.#directory, 'layer.tar');
    // The same owner, time and order whoever makes it and whenever.
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
    await this.#context.runner.run('tar', [...same, '-C', root, '-cf', tar, '.'], {
      signal: this.#context.signal,
    });
    const difference = await sha256(tar);
    const layer = `${difference}.tar.gz`;
    await pipeline(
      createReadStream(tar),
      createGzip({ level: 1 }),
      createWriteStream(path.join(this.#directory, layer)),
    );
    await rm(tar);
    const text = JSON.stringify({
      architecture: PLATFORM.arch,
      os: IMAGE_OS,
      created: '1970-01-01T00:00:00Z',
      config: { Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], ...config },
      rootfs: { type: 'layers', diff_ids: [`sha256:${difference}`] },
      history: [{ created: '1970-01-01T00:00:00Z', created_by: 'toolforge-local' }],
    });
    const name = `${createHash('sha256').update(text).digest('hex')}.json`;
    await writeFile(path.join(this.#directory, name), text);
    this.#entries.push({ Config: name, RepoTags: [reference], Layers: [layer] });
  }

  /** Ends the archive: what was added is now readable. */
  async finish(): Promise<void> {
    await writeFile(path.join(this.#directory, 'manifest.json'), JSON.stringify(this.#entries));
  }

  /** The whole archive as one file, for `docker load`. */
  async pack(file: string): Promise<void> {
    const made = `${file}.making`;
    await this.#context.runner.run('tar', ['-C', this.#directory, '-cf', made, '.'], {
      signal: this.#context.signal,
    });
    await rename(made, file);
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  const { size } = await stat(file);
  if (size > 0) await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
