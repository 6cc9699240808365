import { z } from 'zod';
import { Failure } from '../../lib/errors.ts';
import { readFileIfExists } from '../../lib/files.ts';
import { rollOutSchema } from './configuration.ts';
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
