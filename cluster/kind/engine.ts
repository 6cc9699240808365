import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { RunOptions, RunResult } from '../../lib/run.ts';
import { isAtLeast } from '../../lib/versions.ts';
import { problemOf, type EngineProblem } from './engine-problem.ts';

/** A container engine that answered. */
export interface Engine {
  readonly name: 'docker' | 'podman';
  readonly version: string;
}

/** In the order in which they are taken. */
const ENGINES: readonly Engine['name'][] = ['docker', 'podman'];

/** kind 0.31 asks for `--cgroupns=private`, which came with the engine's API 1.41. */
const MINIMUM: Readonly<Record<Engine['name'], string>> = { docker: '20.10', podman: '4.0' };

/** How each engine is asked for its version; the answer comes from the engine itself, not from its client. */
const QUESTIONS: Readonly<Record<Engine['name'], readonly string[]>> = {
  docker: ['version', '--format', '{{.Server.Version}}'],
  podman: ['info', '--format', '{{.Version.Version}}'],
};

/** How long an engine may take to say what it is; one that takes longer hangs. */
export const ANSWER_MS = 5_000;

/** What asking for an engine came to. */
export type Answer = { readonly engine: Engine } | { readonly problems: readonly EngineProblem[] };

/** Asks each engine whether it answers; the first that does and is new enough is the one. */
export async function findEngine(context: Context): Promise<Answer> {
  const problems: EngineProblem[] = [];
  for (const name of ENGINES) {
    const answer = await askEngine(name, context);
    if ('engine' in answer) return answer;
    problems.push(answer.problem);
  }
  return { problems };
}

/** @throws Failure `environment` where none answers, with what each said */
export async function requireEngine(context: Context): Promise<Engine> {
  return engineOf(await findEngine(context));
}

/** The engine of an answer. @throws Failure `environment` where it has none */
export function engineOf(answer: Answer): Engine {
  if ('engine' in answer) return answer.engine;
  const { problems } = answer;
  const { hint } = problems.find(({ installed }) => installed) ?? problems[0] ?? {};
  throw new Failure({
    kind: 'environment',
    what: 'No container engine answers',
    why: problems.map(({ says }) => says).join('\n'),
    hint: `${hint ?? ''} Then run the command again.`,
  });
}

/** Asks one engine whether it answers and is new enough. */
export async function askEngine(
  name: Engine['name'],
  context: Context,
): Promise<{ readonly engine: Engine } | { readonly problem: EngineProblem }> {
  const problem = (says: string, hint: string) => ({ problem: { installed: true, says, hint } });
  let stdout: string;
  try {
    const options = { timeoutMs: ANSWER_MS, signal: context.signal };
    ({ stdout } = await context.runner.run(name, QUESTIONS[name], options));
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
    return { problem: problemOf(name, error, ANSWER_MS / 1000) };
  }
  const version = /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0];
  // `docker` may be Podman's imitation of it, which has no server to speak of.
  if (version === undefined) {
    return problem(`${name} names no server version`, `See that \`${name} version\` names a server.`);
  }
  if (isAtLeast(version, MINIMUM[name])) return { engine: { name, version } };
  return problem(`${name} ${version} answers, but ${MINIMUM[name]} or later is needed`, `Update ${name}.`);
}

/** Runs one command of the engine. */
export async function runEngine(
  engine: Engine,
  context: Context,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  try {
    return await context.runner.run(engine.name, args, { signal: context.signal, ...options });
  } catch (error) {
    if (!(error instanceof Failure) || !/no space left on device/i.test(error.why ?? '')) throw error;
    const { kind, what, why = '', cause } = error;
    const hint = `Free some space: \`${engine.name} system df\` shows what the engine holds.`;
    throw new Failure({ kind, what, why, hint, cause });
  }
}

/** Whether the engine has the image. */
export async function hasImage(engine: Engine, context: Context, image: string): Promise<boolean> {
  const { exitCode } = await runEngine(engine, context, ['image', 'inspect', '--format', '{{.Id}}', image], {
    okExitCodes: [1, 125],
  });
  return exitCode === 0;
}
