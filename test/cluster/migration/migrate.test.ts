import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import {
  DEPLOYMENTS,
  pathOf,
  POD_SECURITY_POLICIES,
  PODS,
  POLICIES,
  type KubeObject,
} from '../../../lib/kube/types.ts';
import { freePorts, parseEvents, Rig, type CommandResult } from '../../rig.ts';
import { attemptPod, until, openClient } from '../attempt.ts';

const NAME = 'mig';
const ACCOUNTS = 300;
const TOOLS = ACCOUNTS + 3;
const TEMPLATE = path.join(import.meta.dirname, '../../../components/kyverno/policies/toolforge.yaml');

interface Policy extends KubeObject {
  readonly spec: { readonly validationFailureAction: string };
}

interface Deployment extends KubeObject {
  readonly spec: { readonly template: { readonly spec: { readonly securityContext?: object } } };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly message: string }[] };
}

suite('the migration of 2024, replayed', () => {
  let rig: Rig;
  let admin: KubeClient;
  let tool: KubeClient;

  before(async () => {
    rig = await Rig.create('tlm');
    await rig.ok('up', '--name', NAME, '--profile', '2024', ...(await freePorts()));
    await rig.ok('seed-accounts', '--name', NAME, String(ACCOUNTS));
    admin = await open('kubeconfig');
    tool = await open('data', 'project', 'seed-0001', '.kube', 'config');
  });
  after(async () => {
    await tool.close();
    await admin.close();
    await rig.dispose(NAME);
  });

  const open = (...file: string[]): Promise<KubeClient> =>
    openClient(path.join(rig.directory(NAME), ...file));
  const migrate = (...args: string[]): Promise<CommandResult> => rig.run('migrate', ...args, '--name', NAME);
  const done = async (...args: string[]): Promise<void> => {
    const result = await migrate(...args);
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
  };
  const actions = async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const { metadata, spec } of await admin.list<Policy>(POLICIES)) {
      if (metadata?.namespace?.startsWith('tool-') !== true) continue;
      counts[spec.validationFailureAction] = (counts[spec.validationFailureAction] ?? 0) + 1;
    }
    return counts;
  };
  /** What the webservice of tf-test says of its pods. */
  const context = async (): Promise<object | undefined> =>
    (await admin.get<Deployment>(DEPLOYMENTS, 'tf-test', 'tool-tf-test')).spec.template.spec.securityContext;
  const own = (fields: object): Promise<unknown> =>
    tool.request('POST', pathOf(DEPLOYMENTS, 'tool-seed-0001'), {
      body: {
        metadata: { name: 'own' },
        spec: {
          selector: { matchLabels: { app: 'own' } },
          template: {
            metadata: { labels: { app: 'own' } },
            spec: { containers: [{ name: 'a', image: 'x' }], ...fields },
          },
        },
      },
    });
  const refused = async (spec: object): Promise<string> => {
    const answer = await attemptPod(tool, 'tool-seed-0001', spec);
    assert.ok(answer instanceof KubeError, 'it was admitted');
    return answer.message;
  };

  test('stage 1 gives the workloads of both generators an explicit security context', async () => {
    await rig.ok('become', '--name', NAME, 'tf-test', '--', 'webservice', 'start');
    await rig.ok(
      'become',
      '--name',
      NAME,
      'tf-test2',
      '--',
      'toolforge-jobs',
      'run',
      'beat',
      '--command',
      'true',
      '--continuous',
    );
    // A maintainer's own, which PodSecurityPolicy admits and production's policy does not.
    await own({ securityContext: { runAsNonRoot: false } });
    assert.deepEqual(await context(), {});
    await done('next');
    assert.equal(((await context()) as { runAsUser: number }).runAsUser, 50_001);
    await done('back');
    assert.deepEqual(await context(), {});
    await done('next');
  });

  test('the template of 2024 is stopped before anything is applied, and the right value named', async () => {
    const file = path.join(rig.state, 'of-2024.yaml');
    const text = await readFile(TEMPLATE, 'utf8');
    const edited = text.replace(
      /^( +)readOnlyRootFilesystem: false$/m,
      (line, indent: string) => `${line}\n${indent}procMount: DefaultProcMount`,
    );
    assert.notEqual(edited, text);
    await writeFile(file, edited);
    const { exitCode, stderr } = await migrate('next', '--template', file);
    assert.equal(exitCode, 2, stderr);
    assert.match(stderr, /procMount: "DefaultProcMount" is not a value .*; Default was meant\?/);
    assert.deepEqual(await actions(), {});
  });

  test('stage 2, for two tools by name, then for all: share by share, and the control plane watched', async () => {
    await done('next', '--tools', 'tf-test,seed-0001');
    assert.deepEqual(await actions(), { Audit: 2 });
    const { stdout } = await rig.ok('migrate', 'next', '--name', NAME, '--json');
    assert.deepEqual(await actions(), { Audit: TOOLS });
    const shares = parseEvents(stdout).filter(({ event }) => event === 'roll-out');
    assert.ok(new Set(shares.map(({ percent }) => percent)).size > 5, 'in shares');
    assert.ok(
      shares.every(({ ready, admission }) => typeof ready === 'number' && typeof admission === 'number'),
    );
  });

  test('stage 3 names the offenders, and mends what has a template', async () => {
    await tool.create(
      PODS,
      {
        metadata: { name: 'bare' },
        spec: { containers: [{ name: 'a', image: 'x' }], securityContext: { runAsNonRoot: false } },
      },
      'tool-seed-0001',
    );
    const first = await migrate('next');
    assert.equal(first.exitCode, 7, first.stderr);
    assert.match(first.stderr, /seed-0001 +Pod\/bare +spec\.securityContext\.runAsNonRoot +false/);
    assert.match(
      first.stderr,
      /seed-0001 +Deployment\/own +spec\.securityContext\.runAsNonRoot +false +true/,
    );
    const fixed = await migrate('next', '--fix');
    assert.match(fixed.stderr, /1 thing keeps/);
    const late = await migrate('next', '--policy', 'psp');
    assert.equal(late.exitCode, 2, late.stderr);
    await tool.delete(PODS, 'bare', 'tool-seed-0001');
    await done('next');
  });

  test('a roll-out pauses by itself while Kyverno stands still, says why, and goes on', async () => {
    const services = await rig.ok('kubectl', '--name', NAME, 'get', '--raw', '/readyz');
    assert.match(services.stdout, /ok/);
    const status = (await rig.events('status', '--name', NAME)).find(({ event }) => event === 'status');
    const machines = status?.['machines'] as { processes: { name: string; pid: number }[] }[];
    const kyverno = machines
      .flatMap(({ processes }) => processes)
      .find(({ name }) => name === 'kyverno-admission-controller-1');
    assert.ok(kyverno !== undefined);
    const child = rig.start('migrate', 'next', '--name', NAME, '--json');
    let said = '';
    let stopped = false;
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
      const events = parseEvents(said.slice(0, said.lastIndexOf('\n') + 1));
      const shares = events.filter(({ event }) => event === 'roll-out');
      if (!stopped && shares.length > 3) {
        stopped = true;
        process.kill(kyverno.pid, 'SIGSTOP');
      }
      if (stopped && shares.some(({ paused }) => (paused as string[]).length > 0))
        process.kill(kyverno.pid, 'SIGCONT');
    });
    assert.equal(await ended, 0, said.slice(-3000));
    const shares = parseEvents(said).filter(({ event }) => event === 'roll-out');
    const paused = shares.filter((share) => (share['paused'] as string[]).length > 0);
    assert.ok(paused.length > 0, 'it paused');
    assert.match(JSON.stringify(paused), /admission of a pod|kyverno-svc/);
    assert.deepEqual(await actions(), { Enforce: TOOLS });
  });

  test('stage 4 refuses what was only reported; `back` and `next` again', async () => {
    assert.match(
      await refused({ securityContext: { runAsNonRoot: false } }),
      /failed at path \/spec\/securityContext\/runAsNonRoot\//,
    );
    await done('back');
    assert.deepEqual(await actions(), { Audit: TOOLS });
    assert.ok(
      !(
        (await attemptPod(tool, 'tool-seed-0001', { securityContext: { runAsNonRoot: false } })) instanceof
        KubeError
      ),
    );
    await done('next');
    assert.deepEqual(await actions(), { Enforce: TOOLS });
  });

  test('stage 5 drops PodSecurityPolicy; `back` brings it again', async () => {
    const psps = async (): Promise<number> => (await admin.list(POD_SECURITY_POLICIES)).length;
    await done('next');
    assert.equal(await psps(), 0);
    assert.match(await refused({ securityContext: { runAsNonRoot: false } }), /kyverno/);
    const admitted = await attemptPod<KubeObject>(tool, 'tool-seed-0001', {});
    assert.ok(!(admitted instanceof KubeError));
    assert.equal(admitted.metadata?.annotations?.['kubernetes.io/psp'], undefined);
    await done('back');
    assert.equal(await psps(), TOOLS + 1);
    const before = await attemptPod<KubeObject>(tool, 'tool-seed-0001', {});
    assert.ok(!(before instanceof KubeError));
    assert.equal(before.metadata?.annotations?.['kubernetes.io/psp'], 'tool-seed-0001-psp');
  });

  test('with every gate overridden, the template of 2024 makes stage 4 refuse the pods of the generators', async () => {
    for (let stage = 4; stage > 1; stage -= 1) await done('back');
    assert.deepEqual(await actions(), {});
    const file = path.join(rig.state, 'of-2024.yaml');
    await done('next', '--template', file, '--no-lint');
    const stopped = await migrate('next');
    assert.equal(stopped.exitCode, 7, stopped.stderr);
    assert.match(
      stopped.stderr,
      /tf-test +Deployment\/tf-test +spec\.containers\.0\.securityContext\.procMount/,
    );
    await done('next', '--ignore-reports');
    await done('next', '--ignore-reports');
    await until('the policies to be in force', async () => {
      const answer = await attemptPod(tool, 'tool-seed-0001', {});
      return answer instanceof KubeError && answer.message.includes('procMount');
    });
    await rig.run('become', '--name', NAME, 'tf-test', '--', 'webservice', 'restart');
    await until('the webservice to be refused its pod', async () => {
      const { status } = await admin.get<Deployment>(DEPLOYMENTS, 'tf-test', 'tool-tf-test');
      return status.conditions.some(
        ({ type, message }) => type === 'ReplicaFailure' && message.includes('procMount'),
      );
    });
  });

  test('`reset` goes back to before the migration', async () => {
    await rig.ok('reset', '--name', NAME);
    const status = await rig.ok('migrate', '--name', NAME);
    assert.match(status.stdout, /→ 1\. /);
    assert.deepEqual(await actions(), {});
    assert.ok((await admin.list(POD_SECURITY_POLICIES)).length > 1);
  });
});
