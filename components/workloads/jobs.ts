import type { KubeObject } from '../../lib/kube/types.ts';
import { contextFields } from './security-context.ts';
import { withStorage } from './storage.ts';
import { ownImage, type Generation, type Tool } from './tool.ts';

export interface Job {
  readonly tool: Tool;
  readonly name: string;
  readonly command: string;
  readonly generation: Generation;
  /** Once; at these times (cron); or for ever. */
  readonly when: 'once' | 'continuous' | { readonly schedule: string };
  readonly image?: string;
  /** Instead of Toolforge's own image, where none is named. */
  readonly standIn?: string | undefined;
  readonly memory?: string;
  readonly retry?: number;
  /** Whether it sees the tool's home and the shared file systems. */
  readonly mount?: 'all' | 'none';
}

const IMAGE = 'bookworm-sssd';
const MEMORY = '512Mi';

/** What `toolforge jobs run` creates: a Job, a CronJob or a Deployment (TOOLFORGE.md, section 7). */
export function jobObject(job: Job): KubeObject {
  const { tool, name, when, retry = 0 } = job;
  const labels = jobLabels(job);
  const metadata = { name, namespace: tool.namespace, labels };
  const spec = mount(job) === 'all' ? withStorage(jobPod(job), tool.home) : jobPod(job);
  const template = { metadata: { labels }, spec };
  if (when === 'continuous') {
    const selector = { matchLabels: labels };
    return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 1, selector, template } };
  }
  const run = { ttlSecondsAfterFinished: 30, backoffLimit: retry, template };
  if (when === 'once') return { apiVersion: 'batch/v1', kind: 'Job', metadata, spec: run };
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata,
    spec: {
      schedule: when.schedule,
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: 30,
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 1,
      jobTemplate: { metadata: { labels }, spec: run },
    },
  };
}

/** By which the jobs of a tool are found. */
export function jobLabels(job: Job): Readonly<Record<string, string>> {
  const { tool, name, when } = job;
  const component = when === 'continuous' ? 'deployments' : when === 'once' ? 'jobs' : 'cronjobs';
  return {
    toolforge: 'tool',
    'app.kubernetes.io/managed-by': 'toolforge-jobs-framework',
    'app.kubernetes.io/created-by': tool.name,
    'app.kubernetes.io/version': '2',
    'app.kubernetes.io/component': component,
    'app.kubernetes.io/name': name,
    ...(mount(job) === 'all' ? { 'jobs.toolforge.org/filelog': 'yes' } : {}),
    'jobs.toolforge.org/emails': 'none',
    'toolforge.org/mount-storage': mount(job),
  };
}

function mount({ mount: mounted = 'all' }: Job): 'all' | 'none' {
  return mounted;
}

/** The pod of a job, before its storage. Without storage there is no home to log into, and `kubectl logs` has what it says. */
export function jobPod(job: Job): Readonly<Record<string, unknown>> {
  const { tool, name, command, when, generation, memory = MEMORY, standIn } = job;
  const { image = ownImage(IMAGE, standIn) } = job;
  const files = mount(job) === 'all' ? `exec 1>>${name}.out;exec 2>>${name}.err;` : '';
  const context = contextFields(tool, generation);
  return {
    ...context.pod,
    restartPolicy: when === 'continuous' ? 'Always' : 'Never',
    terminationGracePeriodSeconds: 15,
    containers: [
      {
        name: 'job',
        image,
        workingDir: tool.home,
        command: ['/bin/sh', '-c', '--', `${files}${command}`],
        resources: { requests: { cpu: '100m', memory }, limits: { cpu: '1000m', memory } },
        ...context.container,
      },
    ],
  };
}
