import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../../lib/errors.ts';
import { readFileIfExists, writeFileAtomic } from '../../lib/files.ts';
import { rollOutSchema, type RollOutFile } from './configuration.ts';
import { rollOutFile } from './places.ts';
import type { PolicyRenderer, PolicySettings, RollOut } from './settings.ts';

/**
 * Reads the file of a roll-out.
 * @returns undefined when there is none
 * @throws Failure `usage` when it is not what it should be
 */
export async function readRollOut(
  file: string | undefined,
  loadPolicy: (policy: PolicySettings) => Promise<PolicyRenderer>,
): Promise<RollOut | undefined> {
  const text = file === undefined ? undefined : await readFileIfExists(file);
  if (file === undefined || text === undefined) return undefined;
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
  return { ...parsed.data, ...(policy === undefined ? {} : { renderPolicy: await loadPolicy(policy) }) };
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
