import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';

const CLUSTER = 'toolforge-local-bench';

/**
 * Seconds of a plain `kind create cluster`: one node and nothing on it. It gets a kubeconfig of its own and is removed.
 * @returns why not, where no container engine answers or kind is not there
 */
export async function kindSeconds(context: Context): Promise<number | string> {
  const { runner, signal, clock } = context;
  const works = async (program: string, ...args: string[]): Promise<boolean> => {
    try {
      await runner.run(program, args, { signal, timeoutMs: 10_000 });
      return true;
    } catch (error) {
      if (error instanceof Failure && error.kind === 'environment') return false;
      throw error;
    }
  };
  const engine = (await works('docker', 'info'))
    ? 'docker'
    : (await works('podman', 'info'))
      ? 'podman'
      : undefined;
  if (engine === undefined) return 'no container engine answers';
  if (!(await works('kind', 'version'))) return `${engine} answers, but kind is not in PATH`;
  const directory = await mkdtemp(path.join(tmpdir(), 'tl-kind-'));
  const kind = (...args: string[]) =>
    runner.run('kind', [...args, '--name', CLUSTER, '--kubeconfig', path.join(directory, 'kubeconfig')], {
      signal,
      env: { KIND_EXPERIMENTAL_PROVIDER: engine },
    });
  try {
    const started = clock.now();
    await kind('create', 'cluster', '--wait', '120s');
    return (clock.now() - started) / 1000;
  } catch (error) {
    if (error instanceof Failure && error.kind === 'environment')
      return `kind failed: ${error.why ?? error.what}`;
    throw error;
  } finally {
    await kind('delete', 'cluster').catch(() => undefined); // it may never have come to be
    await rm(directory, { recursive: true, force: true });
  }
}
