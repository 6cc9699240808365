import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  jobObject,
  jobPod,
  webserviceObjects,
  webservicePod,
  withStorage,
  type Generation,
  type Job,
  type Webservice,
} from '../../../components/workloads/index.ts';

const tool = { name: 'tf-test', namespace: 'tool-tf-test', uid: 50_001, home: '/data/project/tf-test' };
const service: Webservice = {
  tool,
  type: 'python3.11',
  generation: 'explicit',
  domain: 'toolforge.local',
  startedAt: '2024-03-01T00:00:00Z',
};
const job: Job = { tool, name: 'bot', command: './bot.sh', generation: 'explicit', when: 'once' };

interface Pod {
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly command: readonly string[];
    readonly resources: { readonly limits: { readonly memory: string } };
    readonly securityContext?: Readonly<Record<string, unknown>>;
    readonly volumeMounts?: readonly { readonly mountPath: string; readonly readOnly?: boolean }[];
  }[];
}
const asPod = (spec: object): Pod => spec as Pod;

suite('the generators of workloads', () => {
  test('before stage 1 nothing is said about security; since, what the policy asks for', () => {
    const contexts = (generation: Generation): unknown[] =>
      [webservicePod({ ...service, generation }), jobPod({ ...job, generation })]
        .map(asPod)
        .flatMap(({ securityContext, containers }) => [securityContext, containers[0]?.securityContext]);
    assert.deepEqual(contexts('before'), [undefined, undefined, undefined, undefined]);
    const [pod, container] = contexts('explicit') as [object, object];
    assert.deepEqual(pod, {
      fsGroup: 50_001,
      runAsUser: 50_001,
      runAsGroup: 50_001,
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    assert.ok(!('procMount' in container));
    assert.deepEqual(contexts('default-proc-mount')[3], { ...container, procMount: 'DefaultProcMount' });
  });

  test('a webservice is a Deployment that its Service finds, behind its own name', () => {
    const { deployment, service: made, ingress } = webserviceObjects(service);
    const { selector, template } = deployment['spec'] as {
      selector: { matchLabels: object };
      template: { metadata: { labels: object } };
    };
    assert.deepEqual(selector.matchLabels, template.metadata.labels);
    assert.deepEqual((made['spec'] as { selector: object }).selector, selector.matchLabels);
    assert.match(JSON.stringify(ingress), /"host":"tf-test\.toolforge\.local"/);
    assert.equal(ingress.metadata?.name, 'tf-test-subdomain');
  });

  test('Java gets more memory', () => {
    const memory = (type: string): string | undefined =>
      asPod(webservicePod({ ...service, type })).containers[0]?.resources.limits.memory;
    assert.deepEqual(['python3.11', 'jdk17'].map(memory), ['512Mi', '1Gi']);
  });

  test('a job runs once, at times, or for ever', () => {
    const kinds = (['once', { schedule: '@hourly' }, 'continuous'] as const).map((when) =>
      jobObject({ ...job, when }),
    );
    assert.deepEqual(
      kinds.map(({ kind, metadata }) => [kind, metadata?.labels?.['app.kubernetes.io/component']]),
      [
        ['Job', 'jobs'],
        ['CronJob', 'cronjobs'],
        ['Deployment', 'deployments'],
      ],
    );
    const [command] = asPod(jobPod(job)).containers.map((container) => container.command.at(-1));
    assert.equal(command, 'exec 1>>bot.out;exec 2>>bot.err;./bot.sh');
  });

  test('what is made has its storage, and a job without storage no log in a home that it does not see', () => {
    const spec = (object: object): Pod & { volumes?: unknown } =>
      (object as { spec: { template: { spec: Pod } } }).spec.template.spec;
    assert.ok(spec(webserviceObjects(service).deployment).volumes);
    assert.ok(spec(jobObject(job)).volumes);
    const without = jobObject({ ...job, mount: 'none' });
    assert.equal(spec(without).volumes, undefined);
    assert.equal(spec(without).containers[0]?.command.at(-1), './bot.sh');
    assert.equal(without.metadata?.labels?.['jobs.toolforge.org/filelog'], undefined);
  });

  test('one image stands in for all of Toolforge’s own, and for no other', () => {
    const images = (standIn?: string): unknown[] =>
      [
        webservicePod({ ...service, standIn }),
        jobPod({ ...job, standIn }),
        jobPod({ ...job, standIn, image: 'x/y:1' }),
      ].map((pod) => (pod['containers'] as { image: string }[])[0]?.image.split('/').slice(-2).join('/'));
    assert.deepEqual(images('local/tool:1'), ['local/tool:1', 'local/tool:1', 'x/y:1']);
    assert.match(String(images()[0]), /toolforge-python3\.11-sssd-web:latest$/);
  });

  test('shared file systems are mounted to read where they may only be read', () => {
    const [container] = asPod(withStorage(jobPod(job), tool.home)).containers;
    const writable = container?.volumeMounts?.filter(({ readOnly }) => readOnly !== true);
    assert.deepEqual(
      writable?.map(({ mountPath }) => mountPath),
      ['/data/project', '/data/scratch', '/var/lib/sss/pipes'],
    );
  });
});
