import { columns } from '../../lib/columns.ts';
import { Failure } from '../../lib/errors.ts';
import { CRON_JOBS, DEPLOYMENTS, JOBS, type KubeObject, type Resource } from '../../lib/kube/types.ts';
import type { Output } from '../../lib/output.ts';
import { deploymentOutcome, jobOutcome, type Job, type Outcome } from './outcome.ts';
import { find, select } from './resources.ts';
import type { Session } from './session.ts';

const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'toolforge-jobs-framework' } as const;

/** The kinds of object that jobs are, with the label that sets each apart: a CronJob's Jobs are no jobs of their own. */
export const JOB_KINDS: readonly { readonly resource: Resource; readonly component: string }[] = [
  { resource: JOBS, component: 'jobs' },
  { resource: CRON_JOBS, component: 'cronjobs' },
  { resource: DEPLOYMENTS, component: 'deployments' },
];

/** A job as `list` and `show` have it. */
interface Listed {
  readonly name: string;
  readonly type: string;
  readonly status: string;
}

interface Found {
  readonly resource: Resource;
  readonly object: KubeObject;
}

/** The job of that name. @throws Failure when there is none */
export async function findJob(session: Session, name: string): Promise<Found> {
  for (const { resource } of JOB_KINDS) {
    const object = await find(session, resource, name);
    if (object !== undefined && isJob(object)) return { resource, object };
  }
  throw new Failure({
    kind: 'cluster',
    what: `There is no job named ${name}`,
    hint: '`toolforge-jobs list` shows which there are.',
  });
}

function isJob({ metadata }: KubeObject): boolean {
  return Object.entries(MANAGED_BY).every(([label, value]) => metadata?.labels?.[label] === value);
}

/** Prints all jobs of the tool. */
export async function listJobs(session: Session, output: Output): Promise<void> {
  const found: Found[] = [];
  for (const { resource, component } of JOB_KINDS) {
    const labels = { ...MANAGED_BY, 'app.kubernetes.io/component': component };
    for (const object of await select(session, resource, labels)) found.push({ resource, object });
  }
  const jobs = await Promise.all(found.map((each) => listed(session, each)));
  jobs.sort((one, other) => one.name.localeCompare(other.name));
  output.event('jobs', { tool: session.tool.name, jobs });
  if (jobs.length === 0) output.print(`${session.tool.name} has no jobs.`);
  else {
    const rows = jobs.map(({ name, type, status }) => [name, type, status]);
    for (const line of columns([['Job name', 'Job type', 'Status'], ...rows])) output.print(line);
  }
}

async function listed(session: Session, { resource, object }: Found): Promise<Listed> {
  const name = object.metadata?.name ?? '';
  if (resource === CRON_JOBS) {
    const { schedule = '' } = object['spec'] as { schedule?: string };
    const { lastScheduleTime } = (object['status'] ?? {}) as { lastScheduleTime?: string };
    const status =
      lastScheduleTime === undefined ? 'waiting for its time' : `last started ${lastScheduleTime}`;
    return { name, type: `schedule: ${schedule}`, status };
  }
  if (resource === DEPLOYMENTS) {
    return { name, type: 'continuous', status: said(deploymentOutcome(object)) };
  }
  const ended = (object as Job).status?.conditions?.find(
    ({ type, status }) => ['Complete', 'Failed'].includes(type) && status === 'True',
  );
  const status = ended === undefined ? said(await jobOutcome(session, object)) : ended.type.toLowerCase();
  return { name, type: 'one-off', status };
}

function said(outcome: Outcome): string {
  return outcome.state === 'refused' ? `no pod: ${outcome.reason}` : outcome.state;
}

/** Prints one job with what it runs. */
export async function showJob(session: Session, found: Found, output: Output): Promise<void> {
  const { command = [], image = '', resources } = containerOf(found.object);
  const details = {
    ...(await listed(session, found)),
    command: (command.at(-1) ?? '').replace(/^exec 1>>\S+;exec 2>>[^;]+;/, ''),
    image,
    memory: resources?.limits?.memory ?? '',
  };
  output.event('job', details);
  for (const [field, value] of Object.entries(details)) output.print(`${`${field}:`.padEnd(9)}${value}`);
}

interface Container {
  readonly command?: readonly string[];
  readonly image?: string;
  readonly resources?: { readonly limits?: { readonly memory?: string } };
}

/** The container of a job's pod, which a CronJob has one template further down. */
function containerOf(object: KubeObject): Container {
  interface Spec {
    readonly jobTemplate?: { readonly spec?: Spec };
    readonly template?: { readonly spec?: { readonly containers?: readonly Container[] } };
  }
  const spec = object['spec'] as Spec;
  return (spec.jobTemplate?.spec ?? spec).template?.spec?.containers?.[0] ?? {};
}
