import { readFile } from 'node:fs/promises';
import { LineCounter, parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { Failure, messageOf, type FailureDetails } from '../../lib/errors.ts';

/**
 * Reads a YAML or JSON file that holds secrets. What the parser has to say would quote the line, or the value itself: only
 * the line's number and the kind of mistake are passed on.
 * @throws Failure `usage` when the file is not there or not valid
 */
export async function readSecretFile<T extends z.ZodType>(
  file: string,
  schema: T,
  { what, hint }: Required<Pick<FailureDetails, 'what' | 'hint'>>,
): Promise<z.infer<T>> {
  const wrong = (why: string): Failure => new Failure({ kind: 'usage', what, why, hint });
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw wrong(`${file}: ${messageOf(error)}`);
  });
  const lineCounter = new LineCounter();
  let content: unknown;
  try {
    // Warnings would quote too.
    content = parse(text, { prettyErrors: false, lineCounter, logLevel: 'error' });
  } catch (error) {
    if (!(error instanceof YAMLParseError))
      throw wrong(`${file}: an alias in it leads nowhere; a value that begins with * needs quotes`);
    const { line } = lineCounter.linePos(error.pos[0]);
    throw wrong(`${file}, line ${line}: it is not YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`);
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw wrong(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
