import prettyMilliseconds from 'pretty-ms';
import type { Context } from '../../lib/context.ts';
import type { Progress } from '../../lib/steps.ts';

/** How many lines that are neither packages nor downloads are kept: compiler errors and the like. */
const KEPT_MESSAGES = 60;
const TICK_MS = 1_000;

/**
 * What `go list` and `go build -v` have said so far. Both name each module when they begin to download it; `-v` names
 * each package when it begins to compile it, and says nothing while it links.
 */
export class GoOutput {
  readonly messages: string[] = [];
  #downloads = 0;
  #lastDownload = '';
  #packages = 0;
  readonly #mains: Set<string>;

  /** @param mains the packages of the programs wanted; when all were compiled, Go links */
  constructor(mains: readonly string[]) {
    this.#mains = new Set(mains);
  }

  line(text: string): void {
    const download = /^go: downloading (\S+) (\S+)/.exec(text);
    if (download !== null) {
      this.#downloads += 1;
      this.#lastDownload = `${download[1] ?? ''} ${download[2] ?? ''}`;
    } else if (isPackage(text)) {
      this.#packages += 1;
      this.#mains.delete(text);
    } else if (text.trim() !== '') {
      this.messages.push(text);
      if (this.messages.length > KEPT_MESSAGES) this.messages.shift();
    }
  }

  downloading(): string {
    if (this.#downloads === 0) return 'reading sources';
    return `downloading sources, ${this.#lastDownload} (${this.#downloads} so far)`;
  }

  /** @param total how many packages have to be compiled */
  building(total: number): string {
    if (this.#mains.size === 0) return 'linking';
    return `${Math.min(this.#packages, total)} of ${total} packages`;
  }
}

/** An import path alone on its line, as `go build -v` prints it. */
function isPackage(line: string): boolean {
  return /^[A-Za-z0-9_][\w.~+!/-]*$/.test(line);
}

/**
 * Shows what goes on, and for how long, once a second until the work ends.
 * @param describe called each time; without the title and the time
 * @param work may call what it is given to show something new at once
 */
export async function narrate<T>(
  title: string,
  describe: () => string,
  context: Context,
  progress: Progress,
  work: (show: () => void) => Promise<T>,
): Promise<T> {
  const started = context.clock.now();
  const show = (): void => {
    const elapsed = prettyMilliseconds(context.clock.now() - started, { secondsDecimalDigits: 0 });
    progress.update(`${title}: ${describe()}, ${elapsed}`);
  };
  show();
  const timer = setInterval(show, TICK_MS);
  try {
    return await work(show);
  } finally {
    clearInterval(timer);
  }
}
