import { Failure } from '../../../lib/errors.ts';
import type { Runner, RunOptions, RunResult } from '../../../lib/run.ts';

interface FakeImage {
  readonly size: number;
  readonly layers: readonly string[];
}

/** An engine that has images, and shows them as Docker 28 or Podman 4 does; there is nothing else on its machine. */
export class FakeImages implements Runner {
  readonly images = new Map<string, FakeImage>();
  /** Names of images that a container was made of. */
  used: readonly string[] = [];
  /** Every command but questions. */
  readonly changes: string[] = [];
  readonly #name: 'docker' | 'podman';

  constructor(name: 'docker' | 'podman' = 'docker') {
    this.#name = name;
  }

  add(name: string, size: number, ...layers: string[]): void {
    this.images.set(name, { size, layers });
  }

  run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return new Promise((resolve) => {
      resolve(this.#run(program, args, options));
    });
  }

  attach(): Promise<number> {
    throw new Error('not used');
  }

  #run(program: string, args: readonly string[], options: RunOptions): RunResult {
    if (program !== this.#name) throw new Failure({ kind: 'environment', what: `${program} was not found` });
    const name = args.at(-1) ?? '';
    const image = this.images.get(name.replace(/^localhost\//, ''));
    switch (args[0] ?? '') {
      case 'version':
      case 'info':
        return answer('28.2.2\n');
      case 'ps':
        return answer(this.#name === 'docker' ? '' : '[]');
      case 'images':
        return answer([...this.#list(), '<none>:<none>', 'debian:12', ''].join('\n'));
      case 'image':
        if (image === undefined) return refuse(`no such image: ${name}`, 1, options);
        return answer(JSON.stringify({ Id: 'sha256:0', Size: image.size, RootFS: { Layers: image.layers } }));
      case 'rmi':
        if (image === undefined) return refuse(`no such image: ${name}`, 1, options);
        if (this.used.includes(name)) {
          return refuse('image is in use', this.#name === 'docker' ? 1 : 2, options);
        }
        this.images.delete(name);
        this.changes.push(args.join(' '));
        return answer('');
      default:
        this.changes.push(args.join(' '));
        return answer('');
    }
  }

  #list(): string[] {
    return [...this.images.keys()].map((name) => (this.#name === 'docker' ? name : `localhost/${name}`));
  }
}

function answer(stdout: string): RunResult {
  return { stdout, stderr: '', exitCode: 0 };
}

function refuse(why: string, exitCode: number, { okExitCodes = [] }: RunOptions): RunResult {
  if (okExitCodes.includes(exitCode)) return { stdout: '', stderr: why, exitCode };
  throw new Failure({ kind: 'environment', what: `the engine exited with ${exitCode}`, why });
}
