import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { request } from 'undici';
import { systemClock } from '../../lib/clock.ts';
import { freePort } from '../../lib/ports.ts';
import { waitFor } from '../../lib/wait.ts';

/** An image registry on loopback, which engines take without TLS. */
export interface Registry {
  /** `127.0.0.1:PORT` */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * Starts Debian's docker-registry.
 * @param directory for its data
 */
export async function startRegistry(program: string, directory: string): Promise<Registry> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = path.join(directory, 'registry.json'); // JSON is YAML
  const storage = { filesystem: { rootdirectory: path.join(directory, 'images') } };
  await writeFile(config, JSON.stringify({ version: '0.1', storage, http: { addr: address } }));
  const child = spawn(program, ['serve', config], { stdio: 'ignore' });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  const signal = new AbortController().signal;
  const answers = async (): Promise<true | undefined> =>
    (await request(`http://${address}/v2/`)).statusCode === 200 ? true : undefined;
  await waitFor('the registry', answers, { clock: systemClock, signal, timeoutMs: 20_000 });
  return {
    address,
    async stop() {
      child.kill();
      await gone;
    },
  };
}
