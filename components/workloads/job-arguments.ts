import { z } from 'zod';
import { cronProblem } from './cron.ts';

export const JOB_ACTIONS = ['run', 'list', 'show', 'delete'] as const;

/** Kubernetes appends eleven characters to the name of a CronJob for each Job that it makes, and names have 63. */
const MAX_SCHEDULED_NAME = 52;
const MAX_NAME = 63;
/** How long `--wait` waits when it is not told. */
const DEFAULT_WAIT_SECONDS = 600;

const name = z
  .string()
  .max(MAX_NAME, `must have at most ${MAX_NAME} characters`)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    'must be lower-case letters, digits and dashes, with no dash at either end',
  );
const memory = z
  .string()
  .regex(/^[1-9]\d*(\.\d+)?(k|M|G|Ki|Mi|Gi)$/, 'must be a quantity of memory: 512Mi, 1Gi, 2G …');
const schedule = z.string().superRefine((value, context) => {
  const problem = cronProblem(value);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});
const wait = z
  .union([z.literal(true), z.coerce.number().int().positive()], 'must be a number of seconds')
  .transform((value) => (value === true ? DEFAULT_WAIT_SECONDS : value));

const fields = z.object({
  action: z.enum(JOB_ACTIONS, `must be one of ${JOB_ACTIONS.join(', ')}`),
  job: name.optional(),
  command: z.string().min(1, 'must not be empty').optional(),
  image: z
    .string()
    .regex(/^[a-z0-9][a-zA-Z0-9._/:@-]*$/, 'must be an image: python3.11, or registry/name:tag')
    .optional(),
  schedule: schedule.optional(),
  continuous: z.literal(true).optional(),
  mem: memory.optional(),
  retry: z.coerce.number('must be a number').int().min(0).max(5, 'must be 0 to 5').optional(),
  mount: z.enum(['all', 'none'], 'must be all or none').optional(),
  wait: wait.optional(),
});
type Fields = z.infer<typeof fields>;

/** Options of `run`, and of nothing else. */
const OF_RUN = ['command', 'image', 'schedule', 'continuous', 'mem', 'retry', 'mount', 'wait'] as const;

/** `toolforge-jobs ACTION [NAME]`, with the options of `run`. */
export const jobArguments = fields.superRefine((given, context) => {
  for (const [field, message] of problems(given))
    context.addIssue({ code: 'custom', path: [field], message });
});

export type JobRequest = z.infer<typeof jobArguments>;

function* problems(given: Fields): Generator<readonly [field: keyof Fields, message: string]> {
  const { action, job } = given;
  if (action !== 'list' && job === undefined) yield ['job', `is needed: ${action} which one?`];
  if (action === 'list' && job !== undefined) yield ['job', 'has no place here: list shows all of them'];
  if (action !== 'run') {
    for (const field of OF_RUN) if (given[field] !== undefined) yield [field, 'is for `run` only'];
    return;
  }
  if (given.command === undefined) yield ['command', 'is needed: what is to be run?'];
  if (given.continuous !== undefined && given.schedule !== undefined) {
    yield ['continuous', 'and --schedule exclude each other'];
  }
  if (given.wait !== undefined && (given.continuous ?? given.schedule) !== undefined) {
    yield ['wait', 'is for jobs that run once'];
  }
  if (given.retry !== undefined && given.continuous !== undefined) {
    yield ['retry', 'is for jobs that end; a continuous one is always started anew'];
  }
  if (given.schedule !== undefined && (job ?? '').length > MAX_SCHEDULED_NAME) {
    yield ['job', `must have at most ${MAX_SCHEDULED_NAME} characters with --schedule`];
  }
}
