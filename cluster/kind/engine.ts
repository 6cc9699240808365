import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import type { RunOptions, RunResult } from '../../lib/run.ts';
import { isAtLeast } from '../../lib/versions.ts';

/** A container engine that answered. */
export interface Engine {
  readonly name: 'docker' | 'podman';
  readonly version: string;
}

/** kind 0.31 asks for `--cgroupns=private`, which came with the engine's API 1.41. */
const MINIMUM: Readonly<Record<Engine['name'], string>> = { docker: '20.10', podman: '4.0' };

/** How each engine is asked for its version; the answer comes from the engine itself, not from its client. */
const QUESTIONS: readonly { readonly name: Engine['name']; readonly args: readonly string[] }[] = [
  { name: 'docker', args: ['version', '--format', '{{.Server.Version}}'] },
  { name: 'podman', args: ['info', '--format', '{{.Version.Version}}'] },
];

const ANSWER_MS = 5_000;

/** What asking for an engine came to. */
export type Answer = { readonly engine: Engine } | { readonly problem: string };

/** Asks each engine whether it answers; the first that does and is new enough is the one. */
export async function findEngine(context: Context): Promise<Answer> {
  const problems: string[] = [];
  for (const { name, args } of QUESTIONS) {
    const answer = await ask(name, args, context);
    if ('problem' in answer) problems.push(answer.problem);
    else if (isAtLeast(answer.version, MINIMUM[name])) return { engine: { name, version: answer.version } };
    else problems.push(`${name} ${answer.version} answers, but ${MINIMUM[name]} or later is needed`);
  }
  return { problem: problems.join('\n') };
}

/** All engines that answer, new enough or not. */
export async function answeringEngines(context: Context): Promise<Engine[]> {
  const answers = await Promise.all(
    QUESTIONS.map(async ({ name, args }) => ({ name, answer: await ask(name, args, context) })),
  );
  return answers.flatMap(({ name, answer }) =>
    'version' in answer ? [{ name, version: answer.version }] : [],
  );
}

/** @throws Failure `environment` where none answers, with what each said */
export async function requireEngine(context: Context): Promise<Engine> {
  const answer = await findEngine(context);
  if ('engine' in answer) return answer.engine;
  throw new Failure({
    kind: 'environment',
    what: 'No container engine answers',
    why: answer.problem,
    hint: 'Start Docker (20.10 or later) or Podman, see that `docker version` names a server, and run the command again. Or use --provider embedded, which needs none.',
  });
}

async function ask(
  name: Engine['name'],
  args: readonly string[],
  context: Context,
): Promise<{ readonly version: string } | { readonly problem: string }> {
  try {
    const { stdout } = await context.runner.run(name, args, { timeoutMs: ANSWER_MS, signal: context.signal });
    // `docker` may be Podman's imitation of it, which has no server to speak of.
    const version = /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0];
    return version === undefined ? { problem: `${name} names no server version` } : { version };
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'environment') throw error;
    const last = (error.why ?? '').trim().split('\n').at(-1) ?? '';
    return { problem: last === '' ? error.what : `${name}: ${last}` };
  }
}

/** Runs one command of the engine. */
export function runEngine(
  engine: Engine,
  context: Context,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return context.runner.run(engine.name, args, { signal: context.signal, hint: DISK_HINT, ...options });
}

const DISK_HINT =
  'Where it says "no space left on device", free some: `docker system df` shows what the engine holds.';

/** Whether the engine has the image. */
export async function hasImage(engine: Engine, context: Context, image: string): Promise<boolean> {
  const { exitCode } = await runEngine(engine, context, ['image', 'inspect', '--format', '{{.Id}}', image], {
    okExitCodes: [1, 125],
  });
  return exitCode === 0;
}
