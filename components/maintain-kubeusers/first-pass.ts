import type { Cluster } from '../../cluster/provider.ts';
import type { Context } from '../../lib/context.ts';
import type { Progress } from '../../lib/steps.ts';
import { waitFor } from '../../lib/wait.ts';
import { SERVICE_NAME } from './places.ts';
import type { MaintainKubeusersStatus } from './status-report.ts';
import { statusOnceItAnswers } from './status.ts';

/** The first pass makes the default accounts; Kyverno may take its time over their policies. */
const FIRST_PASS_MS = 120_000;
/** Accounts that fail are waited for that long, for what Kyverno refuses while it starts goes well later … */
const PATIENCE_MS = 90_000;
/** … unless all of them have failed so often that the next try is this far away. */
const LONG_PAUSE_MS = 10_000;
/** More accounts than this are not waited for. */
const MANY = 50;
const NAMED = 3;

/**
 * Waits until the loop leads and has made the accounts; not for thousands, which a `reset` leaves to be made anew, nor for
 * those that it cannot make.
 * @returns what came of it, as a phrase
 */
export async function firstPass(
  { directory, supervisor }: Pick<Cluster, 'directory' | 'supervisor'>,
  { clock, signal }: Pick<Context, 'clock' | 'signal'>,
  progress: Progress,
): Promise<string> {
  const started = clock.now();
  return waitFor(
    'maintain-kubeusers to make the accounts',
    async () => {
      await supervisor.assertAlive(SERVICE_NAME);
      const status = await statusOnceItAnswers(directory);
      progress.update(`${status.accounts.ready} of ${status.accounts.total} accounts ready`);
      return outcome(status, clock.now(), started);
    },
    {
      clock,
      signal,
      timeoutMs: FIRST_PASS_MS,
      explain: async () => (await supervisor.lastLines(SERVICE_NAME, 12)).join('\n'),
      hint: 'Look at `npm run logs maintain-kubeusers`; what is missing is still being worked on.',
    },
  );
}

/** Undefined while there is something to wait for. */
function outcome(status: MaintainKubeusersStatus, now: number, started: number): string | undefined {
  const { accounts, work, lastPass } = status;
  const { total, ready, pending, disabled } = accounts;
  if (lastPass === undefined || total === 0) return undefined;
  const found = [`${ready} accounts ready`, ...(disabled === 0 ? [] : [`${disabled} disabled`])];
  if (pending === 0) return found.join(', ');
  if (pending > MANY) return [...found, `${pending} still being made`].join(', ');
  const problems = status.problems.filter((problem) => problem.pending === true);
  if (new Set(problems.map(({ account }) => account)).size < pending) return undefined;
  const idle = work.waiting + work.underWay === 0;
  const hopeless = idle && problems.every(({ nextTry }) => isFar(nextTry, now));
  if (!hopeless && now - started < PATIENCE_MS) return undefined;
  const named = problems.slice(0, NAMED).map(({ account, problem }) => `${account}: ${problem}`);
  const rest = problems.length > NAMED ? ['…'] : [];
  return `${[...found, `${pending} not`].join(', ')} (${[...named, ...rest].join('; ')})`;
}

/** One that waits for something else has no next try. */
function isFar(nextTry: string | undefined, now: number): boolean {
  return nextTry === undefined || Date.parse(nextTry) - now >= LONG_PAUSE_MS;
}
