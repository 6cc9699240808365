import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import type { Profile } from '../../cluster/profile.ts';
import { moduleFiles } from '../../cluster/toolchain/resolve.ts';
import {
  jobPod,
  shellPod,
  webservicePod,
  withStorage,
  type Generation,
  type Tool,
} from '../../components/workloads/index.ts';
import type { Context } from '../../lib/context.ts';
import { withoutUndefined } from './clean.ts';
import type { Pod } from './pod.ts';

/** A pod that somebody else thought of, with where it is from. */
export interface Fixture {
  readonly name: string;
  readonly pod: Pod;
}

/** Files of the pinned Kubernetes module: pods that pass and fail each level of the Pod Security Standards. */
const LEVELS = ['pod-security-baseline', 'pod-security-restricted'] as const;

export async function podSecurityFixtures(profile: Profile, context: Context): Promise<Fixture[]> {
  const silent = { update: () => undefined };
  const module = `kubernetes-${profile.kubernetes}`;
  const found: Fixture[] = [];
  for (const level of LEVELS) {
    const directory = await moduleFiles(module, level, context, silent);
    for (const kind of ['pass', 'fail']) {
      for (const file of (await readdir(path.join(directory, kind))).sort()) {
        const pod = parse(await readFile(path.join(directory, kind, file), 'utf8')) as Pod;
        found.push({
          name: `${level}/${kind}/${file}`,
          pod: withoutUndefined({ spec: pod.spec, metadata: ownMetadata(pod) }),
        });
      }
    }
  }
  return found;
}

function ownMetadata({ metadata }: Pod): object {
  return { annotations: metadata?.annotations, labels: metadata?.['labels'] };
}

/** The pods of both generators, as they were before stage 1 of the migration, since, and in between. */
export function workloadFixtures(tool: Tool): Fixture[] {
  const generations: readonly Generation[] = ['before', 'explicit', 'default-proc-mount'];
  return generations.flatMap((generation) => {
    const service = { tool, generation, domain: 'toolforge.local', startedAt: '2024-03-01T00:00:00Z' };
    const job = { tool, generation, name: 'bot', command: './bot.sh' };
    const specs: readonly (readonly [name: string, spec: Readonly<Record<string, unknown>>])[] = [
      ['webservice', webservicePod({ ...service, type: 'python3.11' })],
      ['webservice-shell', shellPod({ tool, type: 'python3.11', generation })],
      ['job', jobPod({ ...job, when: 'once' })],
      ['continuous-job', jobPod({ ...job, when: 'continuous' })],
    ];
    return specs.flatMap(([name, spec]) => [
      { name: `${name}/${generation}`, pod: withoutUndefined({ spec }) },
      {
        name: `${name}/${generation}/storage`,
        pod: withoutUndefined({ spec: withStorage(spec, tool.home) }),
      },
    ]);
  });
}
