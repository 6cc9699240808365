import { styleText } from 'node:util';

/**
 * Where a command speaks, as a seam. Progress goes to standard error and results to standard output, so that a
 * result can be piped. With `--json` both are events on standard output, one JSON object a line.
 */
export interface Output {
  readonly json: boolean;
  /** A person is watching: spinners and bars that redraw are welcome. */
  readonly interactive: boolean;
  /** A line of a result, for people; nothing with `--json`. */
  print(line: string): void;
  /** A line about what goes on, for people; nothing with `--json`. */
  note(line: string): void;
  /** An event for programs; nothing without `--json`. */
  event(name: string, data: Readonly<Record<string, unknown>>): void;
  /** Text in a style where the terminal shows styles, else as it is. */
  style(format: Style, text: string): string;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface OutputStreams {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** NO_COLOR, TERM=dumb and CI turn redrawing or colours off, as people expect. */
export function createOutput(streams: OutputStreams, json: boolean, env: NodeJS.ProcessEnv): Output {
  const terminal = streams.stdout.isTTY === true && streams.stderr.isTTY === true && env['TERM'] !== 'dumb';
  const interactive = terminal && !json && !isSet(env['CI']);
  const colours = terminal && !json && !isSet(env['NO_COLOR']);
  return {
    json,
    interactive,
    print(line) {
      if (!json) streams.stdout.write(`${line}\n`);
    },
    note(line) {
      if (!json) streams.stderr.write(`${line}\n`);
    },
    event(name, data) {
      if (json) streams.stdout.write(`${JSON.stringify({ event: name, ...data })}\n`);
    },
    style: (format, text) => (colours ? styleText(format, text, { validateStream: false }) : text),
  };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
