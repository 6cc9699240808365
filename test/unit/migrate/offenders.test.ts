import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { findOffenders, isReplaced, mend } from '../../../lab/migrate/offenders.ts';
import { refuseOffenders } from '../../../lab/migrate/gates.ts';
import { Failure } from '../../../lib/errors.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import type { KubeObject, Resource } from '../../../lib/kube/types.ts';

const UIDS = new Map([['cat', 50_001]]);
const NAMESPACE = 'tool-cat';
const SAID = 'validation error: rule r failed at path /spec/containers/0/securityContext/privileged/';

/** What an API server lists, by the plural of its resource; and what it was asked to patch. */
class Api {
  readonly objects = new Map<string, KubeObject[]>();
  readonly patches: {
    readonly path: string;
    readonly contentType: string | undefined;
    readonly body: unknown;
  }[] = [];

  get client(): KubeClient {
    const methods = {
      list: ({ plural }: Resource) => Promise.resolve(this.objects.get(plural) ?? []),
      request: (_: string, path: string, { body, contentType }: { body: unknown; contentType?: string }) => {
        this.patches.push({ path, contentType, body });
        return Promise.resolve({});
      },
    };
    return methods as unknown as KubeClient;
  }

  add(plural: string, object: KubeObject): void {
    this.objects.set(plural, [...(this.objects.get(plural) ?? []), object]);
  }

  /** A workload of a tool's, one pod of it, and what Kyverno's report says of the pod. */
  addWorkload(kind: 'Deployment' | 'CronJob', template: object, verdict: 'pass' | 'fail'): void {
    const metadata = { namespace: NAMESPACE, name: 'web', uid: kind };
    const spec = { template: { spec: template } };
    const [between, plural] = kind === 'CronJob' ? ['jobs', 'cronjobs'] : ['replicasets', 'deployments'];
    this.add(plural, { metadata, spec: kind === 'CronJob' ? { jobTemplate: { spec } } : spec });
    this.add(between, {
      metadata: { namespace: NAMESPACE, name: 'web-1', uid: 'between', ...owned(kind, 'web', kind) },
    });
    this.add('pods', {
      metadata: { namespace: NAMESPACE, name: 'web-1-a', uid: 'pod', ...owned('Owner', 'web-1', 'between') },
      spec: POD,
    });
    this.add('policyreports', {
      scope: { kind: 'Pod', uid: 'pod' },
      results: [{ policy: `${NAMESPACE}/toolforge-kyverno-pod-policy`, result: verdict, message: SAID }],
    });
  }
}

const POD = { containers: [{ name: 'web' }] };
const owned = (kind: string, name: string, uid: string): object => ({
  ownerReferences: [{ kind, name, uid }],
});
const thrown = (action: () => void): Failure => {
  try {
    action();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('nothing was refused');
};

suite('what Kyverno’s reports have against pods that run', () => {
  let api: Api;

  beforeEach(() => {
    api = new Api();
  });

  test('nothing', async () => {
    api.addWorkload('Deployment', POD, 'pass');
    assert.deepEqual(await findOffenders(api.client, UIDS), {
      pods: 1,
      unjudged: [],
      offenders: [],
      mendable: [],
    });
  });

  test('a template that says something else is mended', async () => {
    api.addWorkload(
      'Deployment',
      { containers: [{ name: 'web', securityContext: { privileged: true } }] },
      'fail',
    );
    const findings = await findOffenders(api.client, UIDS);
    assert.deepEqual(
      findings.offenders.map(({ workload, fix }) => [workload, fix]),
      [['Deployment/web', 'false, which --fix writes']],
    );
    const done = new Set<string>();
    assert.equal(await mend(api.client, findings, done, 0), 1);
    assert.equal(api.patches[0]?.contentType, 'application/json-patch+json');
    // Its old pods are there for a moment yet.
    assert.equal(await mend(api.client, findings, done, 0), 0);
  });

  test('a pod from before the policy, of a Deployment whose template is fine, is made anew by a restart', async () => {
    api.addWorkload('Deployment', POD, 'fail');
    const findings = await findOffenders(api.client, UIDS);
    assert.deepEqual(findings.offenders, [
      {
        tool: 'cat',
        workload: 'Deployment/web',
        field: 'spec.containers.0.securityContext.privileged',
        value: '',
        fix: 'its template is fine: a restart, which --fix does',
      },
    ]);
    assert.match(
      thrown(() => {
        refuseOffenders(findings);
      }).hint ?? '',
      /--fix/,
    );
    assert.equal(await mend(api.client, findings, new Set(), Date.parse('2024-05-01T00:00:00Z')), 1);
    assert.deepEqual(api.patches, [
      {
        path: '/apis/apps/v1/namespaces/tool-cat/deployments/web',
        contentType: 'application/merge-patch+json',
        body: {
          spec: {
            template: {
              metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2024-05-01T00:00:00.000Z' } },
            },
          },
        },
      },
    ]);
  });

  test('a Job that still runs from before ends by itself: its CronJob is not restarted', async () => {
    api.addWorkload('CronJob', POD, 'fail');
    const { offenders, mendable } = await findOffenders(api.client, UIDS);
    assert.deepEqual(
      offenders.map(({ workload, fix }) => [workload, fix]),
      [['CronJob/web', 'its template is fine: wait for the end of this Job, or delete it']],
    );
    assert.deepEqual(mendable, []);
  });

  test('a CronJob that was mended is waited for while a Job of before runs', async () => {
    const privileged = { containers: [{ name: 'web', securityContext: { privileged: true } }] };
    api.addWorkload('CronJob', privileged, 'fail');
    const done = new Set<string>();
    assert.equal(await mend(api.client, await findOffenders(api.client, UIDS), done, 0), 1);
    api.objects.delete('cronjobs');
    api.addWorkload('CronJob', POD, 'fail');
    assert.equal(isReplaced(await findOffenders(api.client, UIDS), done), false);
    api.objects.delete('pods');
    assert.equal(isReplaced(await findOffenders(api.client, UIDS), done), true);
  });
});
