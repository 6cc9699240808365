import { Command, CommanderError, Option } from 'commander';
import { config as loadEnvFile } from 'dotenv';
import type { z } from 'zod';
import { systemClock } from './clock.ts';
import type { Context } from './context.ts';
import { Failure, interrupted, messageOf } from './errors.ts';
import { createOutput, type Output } from './output.ts';
import { xdgPaths } from './paths.ts';
import { systemRunner } from './run.ts';

export interface CommandDefinition<Schema extends z.ZodType> {
  /** As a person types it: `npm run up --`, `seed-policies`. */
  readonly name: string;
  readonly description: string;
  /** Positional arguments in commander's notation, with what each is: `['<count>', 'how many policies']`. */
  readonly arguments?: readonly (readonly [name: string, description: string])[];
  readonly options?: readonly Option[];
  readonly examples?: readonly string[];
  /**
   * Checks arguments and options in one go; keys are the camel-cased option names and argument names. Every
   * problem is reported with its name.
   */
  readonly schema: Schema;
  run(options: z.infer<Schema>, context: Context): Promise<void>;
  /** For `kubectl` and the like: everything after the command goes to it unread. */
  readonly passThrough?: boolean;
  /** Another program has the terminal (kubectl, tail, a shell): Ctrl-C is its business, and it speaks for itself. */
  readonly foreground?: boolean;
  /** It finds its cluster by other means than `--name`, which it does not have. */
  readonly anyCluster?: boolean;
}

/** An option that can also be set in the environment or in `.env`, always with our prefix. */
export function option(flags: string, description: string): Option {
  const made = new Option(flags, description);
  return made.env(`TOOLFORGE_LOCAL_${made.name().replaceAll('-', '_').toUpperCase()}`);
}

/** Options that every command has. */
export const commonOptions = (): Option[] => [
  option('--name <cluster>', 'which cluster').default('toolforge'),
  option('--json', 'events and results as JSON lines on standard output'),
];

/**
 * Runs a command from the process's own arguments to its exit code. The order for a setting is flag, environment,
 * `.env`, default. The one place that renders failures, handles signals and sets the exit code.
 */
export async function main<Schema extends z.ZodType>(definition: CommandDefinition<Schema>): Promise<void> {
  loadEnvFile({ quiet: true });
  const json = process.argv.includes('--json') || process.env['TOOLFORGE_LOCAL_JSON'] === 'true';
  const output = createOutput(process, json, process.env);
  const abort = new AbortController();
  const stop = (): void => {
    if (abort.signal.aborted) return; // a second Ctrl-C changes nothing: stopping is quick, and clean
    if (definition.foreground !== true) output.note('\nStopping …');
    abort.abort(interrupted());
  };
  process.on('SIGINT', stop).on('SIGTERM', stop).on('SIGHUP', stop);
  // `status | head` closes our output early: that is no failure.
  process.stdout.on('error', () => undefined);
  try {
    const options = parseOptions(definition, process.argv.slice(2));
    if (options === undefined) return;
    const context: Context = {
      output,
      runner: systemRunner,
      clock: systemClock,
      paths: xdgPaths(process.env),
      signal: abort.signal,
      env: process.env,
    };
    await definition.run(options, context);
  } catch (error) {
    process.exitCode = report(abort.signal.aborted ? interrupted() : error, output);
  } finally {
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop).removeListener('SIGHUP', stop);
  }
}

/** The checked options, or undefined when `--help` was all that was asked for. */
export function parseOptions<Schema extends z.ZodType>(
  definition: CommandDefinition<Schema>,
  args: readonly string[],
): z.infer<Schema> | undefined {
  const command = new Command(definition.name).description(definition.description).exitOverride();
  for (const [name, description] of definition.arguments ?? []) command.argument(name, description);
  const own = definition.options ?? [];
  // A command may say something else of a common option: another default, say.
  const common = commonOptions()
    .filter(({ long }) => own.every((option) => option.long !== long))
    .filter(({ long }) => definition.anyCluster !== true || long !== '--name');
  for (const made of [...own, ...common]) command.addOption(made);
  if (definition.passThrough === true)
    command.allowUnknownOption().allowExcessArguments().passThroughOptions();
  const examples = (definition.examples ?? []).map((example) => `  ${example}`).join('\n');
  if (examples !== '') command.addHelpText('after', `\nExamples:\n${examples}`);
  command.configureOutput({ writeErr: () => undefined }).showHelpAfterError(false);
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new Failure({
      kind: 'usage',
      what: error.message.replace(/^error: /, ''),
      hint: `See \`${definition.name} --help\`.`,
    });
  }
  const positional = Object.fromEntries(
    command.registeredArguments.map((argument, index) => [
      argument.name(),
      command.processedArgs[index] as unknown,
    ]),
  );
  const parsed = definition.schema.safeParse({ ...command.opts(), ...positional });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0] ?? '');
    const flag = command.options.find((candidate) => candidate.attributeName() === key);
    return `${flag === undefined ? key : (flag.long ?? key)} ${issue.message}`;
  });
  throw new Failure({ kind: 'usage', what: problems.join('; '), hint: `See \`${definition.name} --help\`.` });
}

/** Renders a failure, or a bug with its stack, and returns the exit code. */
export function report(error: unknown, output: Output): number {
  if (!(error instanceof Failure)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    output.event('failed', { kind: 'bug', error: messageOf(error), exitCode: 1 });
    output.note(`\n${output.style('red', 'This is a bug in toolforge-local:')}\n${stack}`);
    return 1;
  }
  const { kind, what, why, hint, exitCode } = error;
  output.event('failed', { kind, error: what, why, hint, exitCode });
  output.note(`\n${output.style(kind === 'interrupted' ? 'yellow' : 'red', `${what}.`)}`);
  if (why !== undefined)
    output.note(
      why
        .split('\n')
        .map((line) => `  ${line}`)
        .join('\n'),
    );
  if (hint !== undefined) output.note(hint);
  return exitCode;
}
