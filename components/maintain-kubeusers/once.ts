import type { Context } from '../../lib/context.ts';
import { Failure } from '../../lib/errors.ts';
import { keyOf } from './accounts/account.ts';
import { takesAway } from './difference/removal-guard.ts';
import { errorLine } from './log.ts';
import { confirmed } from './loop/confirmed.ts';
import { observeOnce } from './loop/observe.ts';
import type { Evaluation, Reconciler } from './loop/reconciler.ts';
import { allowMassDelete, PERMIT_MINUTES } from './mass-delete.ts';
import { monotonic, type Workshop } from './workshop.ts';
import { noteFindings, verify } from './verify.ts';

/** A holder that was killed on another machine is silent for 30 s before its lease is free. */
const LEASE_WAIT_MS = 40_000;
const NAMED = 20;

async function look({ client, directory }: Workshop, reconciler: Reconciler): Promise<Evaluation> {
  const { observed } = reconciler;
  const [first] = await Promise.all([directory.read(), observeOnce(client, observed)]);
  return reconciler.evaluate(await confirmed(first, directory, observed.accounts()));
}

/** `--dry-run`: prints what a pass would do. */
export async function printDifference(workshop: Workshop, { output }: Context): Promise<void> {
  const started = monotonic();
  const evaluation = await look(workshop, workshop.reconciler());
  const seconds = (monotonic() - started) / 1000;
  const { actions, blocked, desired, objection } = evaluation;
  for (const { kind, id, apply, remove, reason } of actions) {
    output.event('action', { action: kind, account: keyOf(id), apply, remove, reason });
    const parts = [...apply, ...remove.map((name) => `-${name}`)].join(' ');
    output.print(`${kind.padEnd(8)} ${keyOf(id)}  ${output.style('dim', `${reason}: ${parts}`)}`);
  }
  for (const { id, reason } of blocked) {
    output.event('blocked', { account: keyOf(id), reason });
    output.print(`wait     ${keyOf(id)}  ${output.style('dim', reason)}`);
  }
  for (const { entry, reason } of desired.skipped) {
    output.event('skipped', { entry, reason });
    output.print(`skip     ${entry}  ${output.style('dim', reason)}`);
  }
  if (objection !== undefined) {
    output.event('removals-held-back', { why: objection });
    output.note(output.style('red', `Removals are held back: ${objection}.`));
  }
  const apiRequests = workshop.apiRequests();
  const directoryRequests = workshop.directory.requests;
  const { operations } = workshop.tools.homes;
  output.event('difference', {
    accounts: desired.accounts.size,
    actions: actions.length,
    ...{ seconds, apiRequests, directoryRequests, fileOperations: operations },
  });
  output.note(
    `${actions.length} to do for ${desired.accounts.size} accounts; found in ${seconds.toFixed(2)} s with ` +
      `${apiRequests} API requests, ${directoryRequests} LDAP requests and ${operations} file operations.`,
  );
}

/** `--once`: one pass, with all that it finds to do. */
export async function passOnce(workshop: Workshop, context: Context): Promise<void> {
  const { clock, output, signal } = context;
  const reconciler = workshop.reconciler();
  if (reconciler.isUnguarded && (await workshop.leadership.tryAcquire()).holder !== undefined) {
    await permitRemovals(workshop, await look(workshop, reconciler), context);
    return;
  }
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(LEASE_WAIT_MS)]);
  await workshop.leadership.acquire(deadline).catch((error: unknown) => {
    if (signal.aborted || !deadline.aborted) throw error;
    throw new Failure({
      kind: 'busy',
      what: 'Another instance of maintain-kubeusers leads',
      hint: 'It does what there is to do; --dry-run shows what that is.',
    });
  });
  const keeping = new AbortController();
  const stop = (): void => {
    reconciler.queue.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  // Without the lease another instance may act: nothing more is started.
  const kept = workshop.leadership.keep(keeping.signal).then(stop);
  try {
    const started = clock.now();
    const evaluation = await look(workshop, reconciler);
    reconciler.queue.offer(evaluation.actions);
    await reconciler.queue.idle();
    signal.throwIfAborted();
    report(evaluation, reconciler, (clock.now() - started) / 1000, context);
  } finally {
    signal.removeEventListener('abort', stop);
    keeping.abort();
    await kept;
    await workshop.leadership.release();
    output.event('stopped', {});
  }
}

/** The instance that leads keeps the lease, and its guard: it is let remove what this pass would have removed. */
async function permitRemovals(
  { client }: Workshop,
  { actions, observed }: Evaluation,
  { clock, output }: Context,
): Promise<void> {
  const removals = actions.filter((action) => takesAway(action, observed)).length;
  if (removals > 0) await allowMassDelete(client, removals, clock.now());
  output.event('permit', { removals, minutes: PERMIT_MINUTES });
  output.print(
    removals === 0
      ? 'No account would lose anything: there is nothing to permit.'
      : `${removals} accounts may lose their namespace within the next ${PERMIT_MINUTES} minutes: ` +
          'the instance that leads, usually the service, acts on it by itself.',
  );
}

function report(evaluation: Evaluation, reconciler: Reconciler, seconds: number, { output }: Context): void {
  const { actions, blocked, desired, objection } = evaluation;
  const failing = reconciler.queue.failing();
  output.event('pass', {
    accounts: desired.accounts.size,
    actions: actions.length,
    failed: failing.length,
    blocked: blocked.length,
    skipped: desired.skipped.length,
    seconds,
    ...(objection === undefined ? {} : { removalsHeldBack: objection }),
  });
  output.print(
    `${desired.accounts.size} accounts: ${actions.length - failing.length} actions done, ${failing.length} failed, ` +
      `${blocked.length} have to wait, ${desired.skipped.length} entries skipped (${seconds.toFixed(1)} s)`,
  );
  if (objection !== undefined) output.note(output.style('red', `Removals are held back: ${objection}.`));
  if (failing.length === 0) return;
  const named = failing.slice(0, NAMED).map(({ id, error }) => `${keyOf(id)}: ${errorLine(error)}`);
  throw new Failure({
    kind: 'incomplete',
    what: `${failing.length} of ${actions.length} actions failed`,
    why: named.join('\n'),
    hint: 'Run it again: what was done is not done twice.',
  });
}

/** `--verify`: checks what is recorded against what is there, and hands what is wrong to whoever leads. */
export async function verifyAll(workshop: Workshop, dryRun: boolean, context: Context): Promise<void> {
  const { output, signal } = context;
  const { desired, observed } = await look(workshop, workshop.reconciler());
  const findings = await verify(desired, observed, { ...workshop, signal });
  for (const { account, resource, problem } of findings) {
    output.event('finding', { account: keyOf(account), resource, problem });
    output.print(`${keyOf(account)}  ${resource}  ${problem}`);
  }
  output.event('verified', { accounts: desired.accounts.size, findings: findings.length });
  output.note(`${findings.length} findings for ${desired.accounts.size} accounts.`);
  if (dryRun || findings.length === 0) return;
  await noteFindings(findings, { client: workshop.client, signal });
  const { holder } = await workshop.leadership.tryAcquire();
  if (holder !== undefined) {
    output.note(`They are noted; the running loop repairs them.`);
    return;
  }
  await passOnce(workshop, context);
}
