import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../../lib/errors.ts';
import { readFileIfExists, writeFileAtomic } from '../../lib/files.ts';
import { parseJson } from '../../lib/json.ts';
import { rollOutSchema, type RollOutFile } from './configuration.ts';
import { rollOutFile } from './places.ts';
import type { PolicyRenderer, PolicySettings, RollOut } from './settings.ts';

/**
 * The file of a roll-out, for whoever looks at it again and again: while its text is the same, so is the answer, and no template is
 * read.
 */
export class RollOutReader {
  readonly #file: string | undefined;
  readonly #loadPolicy: (policy: PolicySettings) => Promise<PolicyRenderer>;
  #last: { readonly text: string | undefined; readonly rollOut: RollOut | undefined } = {
    text: undefined,
    rollOut: undefined,
  };

  constructor(file: string | undefined, loadPolicy: (policy: PolicySettings) => Promise<PolicyRenderer>) {
    this.#file = file;
    this.#loadPolicy = loadPolicy;
  }

  /**
   * @returns undefined when there is none
   * @throws Failure `usage` when it is not what it should be
   */
  async read(): Promise<RollOut | undefined> {
    if (this.#file === undefined) return undefined;
    const text = await readFileIfExists(this.#file);
    if (text !== this.#last.text) this.#last = { text, rollOut: await this.#take(this.#file, text) };
    return this.#last.rollOut;
  }

  async #take(file: string, text: string | undefined): Promise<RollOut | undefined> {
    if (text === undefined) return undefined;
    const parsed = rollOutSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      throw new Failure({
        kind: 'usage',
        what: 'The file of the roll-out cannot be read',
        why: `${file}: ${z.prettifyError(parsed.error)}`,
        hint: '`npm run migrate` writes it.',
      });
    }
    const { policy } = parsed.data;
    return {
      ...parsed.data,
      ...(policy === undefined ? {} : { renderPolicy: await this.#loadPolicy(policy) }),
    };
  }
}

/**
 * Begins a roll-out, changes its share, or ends it; the running loop takes it up within a second.
 * @param directory the cluster's
 */
export async function writeRollOut(directory: string, rollOut: RollOutFile | undefined): Promise<void> {
  const file = rollOutFile(directory);
  if (rollOut === undefined) await rm(file, { force: true });
  else await writeFileAtomic(file, `${JSON.stringify(rollOut, undefined, 2)}\n`);
}

/** What the file says, for people who ask; undefined: nothing is rolled out. */
export async function currentRollOut(directory: string): Promise<z.output<typeof rollOutSchema> | undefined> {
  const text = await readFileIfExists(rollOutFile(directory));
  return text === undefined ? undefined : rollOutSchema.safeParse(parseJson(text)).data;
}
