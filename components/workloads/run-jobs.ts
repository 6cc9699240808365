import { Failure } from '../../lib/errors.ts';
import { CRON_JOBS, DEPLOYMENTS, JOBS, type KubeObject, type Resource } from '../../lib/kube/types.ts';
import type { Output } from '../../lib/output.ts';
import { waitFor } from '../../lib/wait.ts';
import type { JobRequest } from './job-arguments.ts';
import { jobObject, type Job as JobDescription } from './jobs.ts';
import { awaitDeployment, awaitJob, type Job, type Outcome } from './outcome.ts';
import { findJob, JOB_KINDS, listJobs, showJob } from './list-jobs.ts';
import { find, refusal, remove } from './resources.ts';
import type { Session } from './session.ts';
import { ownImage } from './tool.ts';

/** Runs, lists, shows or deletes jobs of the tool. */
export async function runJobs(request: JobRequest, session: Session, output: Output): Promise<void> {
  const { action, job: name = '' } = request;
  switch (action) {
    case 'run':
      await run(name, request, session, output);
      return;
    case 'list':
      await listJobs(session, output);
      return;
    case 'show':
      await showJob(session, await findJob(session, name), output);
      return;
    case 'delete': {
      await remove(session, (await findJob(session, name)).resource, name);
      output.event('job.deleted', { tool: session.tool.name, name });
      output.print(`Deleted the job ${name}.`);
      return;
    }
  }
}

async function run(name: string, request: JobRequest, session: Session, output: Output): Promise<void> {
  const { tool, client } = session;
  const existing = (await Promise.all(JOB_KINDS.map(({ resource }) => find(session, resource, name)))).find(
    Boolean,
  );
  if (existing !== undefined) {
    throw new Failure({
      kind: 'cluster',
      what: `There is a ${existing.kind ?? 'job'} named ${name} already`,
      hint: `\`toolforge-jobs delete ${name}\` makes room for another, if it is a job.`,
    });
  }
  const object = jobObject(describe(name, request, session));
  const [resource, wait] = placeOf(object);
  await client.create(resource, object, tool.namespace).catch((error: unknown) => {
    throw refusal(`The job ${name}`, error);
  });
  const outcome = await wait(session, name);
  output.event('job', { tool: tool.name, name, kind: object.kind, ...outcome });
  if (outcome.state === 'refused') {
    throw new Failure({
      kind: 'cluster',
      what: `The job ${name} has been made, but no pod for it`,
      why: outcome.reason,
      hint: `Kubernetes goes on trying; \`toolforge-jobs delete ${name}\` ends that.`,
    });
  }
  output.print(`${request.schedule === undefined ? 'Started' : 'Scheduled'} the job ${name}.`);
  if (request.wait !== undefined) await awaitEnd(session, name, request.wait, output);
}

function describe(name: string, request: JobRequest, { tool, generators }: Session): JobDescription {
  const { command = '', image, schedule, continuous, mem, retry, mount } = request;
  return {
    ...{ tool, name, command, generation: generators.generation, standIn: generators.standIn },
    when: continuous === true ? 'continuous' : schedule === undefined ? 'once' : { schedule },
    ...(image === undefined ? {} : { image: imageOf(image, generators.standIn) }),
    ...(mem === undefined ? {} : { memory: mem }),
    ...(retry === undefined ? {} : { retry }),
    ...(mount === undefined ? {} : { mount }),
  };
}

/** A short name stands for one of Toolforge's own images. */
function imageOf(name: string, standIn: string | undefined): string {
  return /[/:@]/.test(name) ? name : ownImage(`${name}-sssd-base`, standIn);
}

type Wait = (session: Session, name: string) => Promise<Outcome>;

function placeOf({ kind }: KubeObject): readonly [Resource, Wait] {
  if (kind === 'Job') return [JOBS, awaitJob];
  if (kind === 'Deployment') return [DEPLOYMENTS, awaitDeployment];
  return [CRON_JOBS, () => Promise.resolve({ state: 'pending' })]; // its pods come when it is time
}

/** Waits for the end of a job that runs once. It is deleted half a minute after that. */
async function awaitEnd(session: Session, name: string, seconds: number, output: Output): Promise<void> {
  const { clock, signal } = session;
  const end = await waitFor(
    `the job ${name} to end`,
    async () => {
      const conditions = (await find<Job>(session, JOBS, name))?.status?.conditions ?? [];
      return conditions.find(
        ({ type, status }) => ['Complete', 'Failed'].includes(type) && status === 'True',
      );
    },
    {
      ...{ clock, signal, timeoutMs: seconds * 1000, maxPauseMs: 1_000 },
      hint: 'It goes on without you: see `toolforge-jobs list`.',
    },
  );
  output.event('job.ended', { tool: session.tool.name, name, succeeded: end.type === 'Complete' });
  if (end.type !== 'Complete') {
    throw new Failure({
      kind: 'incomplete',
      what: `The job ${name} failed`,
      ...(end.message === undefined ? {} : { why: end.message }),
      hint: `What it said is in ${name}.out and ${name}.err.`,
    });
  }
  output.print(`The job ${name} ended well.`);
}
