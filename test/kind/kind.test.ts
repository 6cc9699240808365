import assert from 'node:assert/strict';
import { access, readFile, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import { findEngine } from '../../cluster/kind/engine.ts';
import { platformImages } from '../../cluster/kind/image/components.ts';
import { TOOL_IMAGE } from '../../cluster/kind/image/tool.ts';
import { pullImage } from '../../cluster/kind/image/pull.ts';
import { OWNER } from '../../cluster/kind/owner.ts';
import { loadProfile } from '../../cluster/profile.ts';
import { createOutput } from '../../lib/output.ts';
import { xdgPaths } from '../../lib/paths.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRunner, type Runner } from '../../lib/run.ts';
import { waitFor } from '../../lib/wait.ts';
import { testEngine, type TestEngine } from '../engine/engine.ts';
import { freePorts, Rig, type CommandResult, type Event } from '../rig.ts';
import { startRegistry } from './registry.ts';

const signal = new AbortController().signal;
const context = {
  output: createOutput(process, false, process.env),
  runner: systemRunner,
  clock: systemClock,
  paths: xdgPaths(process.env),
  signal,
  env: process.env,
};
const found = await testEngine(context);
const skip = typeof found === 'string' ? found : false;

/** The engine; only asked for in suites that are not skipped. */
function engine(): TestEngine {
  if (typeof found === 'string') throw new Error(found);
  return found;
}

async function docker(...args: string[]): Promise<string> {
  const { stdout } = await systemRunner.run('docker', args, { env: engine().env, signal });
  return stdout.trim();
}

/** A runner that reaches that engine. */
function withEnv(env: Readonly<Record<string, string>>): Runner {
  return {
    ...systemRunner,
    run: (program, args, options) =>
      systemRunner.run(program, args, { ...options, env: { ...env, ...options?.env } }),
  };
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** The tool that every cluster has, and its uid (TOOLFORGE.md, section 3). */
const TOOL = 'tf-test';
const UID = 50_001;
const NAMESPACE = `tool-${TOOL}`;

/** A cluster under test, and what the suites ask of it. */
class Subject {
  readonly name: string;
  readonly rig: Rig;

  constructor(name: string, rig: Rig) {
    this.name = name;
    this.rig = rig;
  }

  status(): Promise<Event> {
    return this.rig.status(this.name);
  }

  healthy(timeoutMs = 180_000): Promise<true> {
    let last: Event | undefined;
    return waitFor(
      'the cluster to be healthy',
      async () => {
        last = await this.status();
        return last['healthy'] === true ? true : undefined;
      },
      {
        ...{ clock: systemClock, signal, timeoutMs, maxPauseMs: 1_000 },
        explain: () => Promise.resolve(JSON.stringify(last)),
      },
    );
  }

  /** `up`, with the time of each step among the test's diagnostics. */
  async up(t: TestContext, ...args: string[]): Promise<void> {
    const events = await this.rig.events('up', '--name', this.name, ...args);
    const steps = events.filter(({ event }) => event === 'step.done');
    for (const { id, ms, result } of steps)
      t.diagnostic(`${String(id)} ${String(ms)} ms ${JSON.stringify(result ?? '')}`);
  }

  async kubectl(...args: string[]): Promise<string> {
    return (await this.rig.ok('kubectl', '--name', this.name, ...args)).stdout;
  }

  /** kubectl as the tool, in its home, with the kubeconfig that maintain-kubeusers made for it. */
  asTool(...args: string[]): Promise<CommandResult> {
    return this.rig.run('become', '--name', this.name, TOOL, '--', 'kubectl', ...args);
  }

  /** What a command says in a session of the tool's. */
  async inSession(...command: string[]): Promise<string> {
    return (await this.rig.ok('become', '--name', this.name, TOOL, '--', ...command)).stdout;
  }

  get home(): string {
    return path.join(this.rig.directory(this.name), 'data', 'project', TOOL);
  }

  /** Tries to create the object as the tool. */
  async createAsTool(name: string, object: object): Promise<CommandResult> {
    await writeFile(path.join(this.home, `${name}.json`), JSON.stringify(object), { mode: 0o644 });
    return this.asTool('create', '-f', `${name}.json`);
  }

  /** The containers of this cluster. */
  async containers(): Promise<string[]> {
    const label = `label=${OWNER}=${this.rig.directory(this.name)}`;
    return lines(await docker('ps', '--all', '--filter', label, '--format', '{{.Names}}'));
  }

  async write(name: string, object: object): Promise<string> {
    const file = path.join(this.rig.state, `${name}.json`);
    await writeFile(file, JSON.stringify(object), { mode: 0o644 });
    return file;
  }

  /** A pod that the tool creates runs to its end; returns what it printed. */
  async runToEnd(name: string, script: string): Promise<string> {
    const created = await this.createAsTool(name, pod(name, script));
    assert.equal(created.exitCode, 0, created.stderr);
    const phase = await waitFor(
      `the pod ${name} to end`,
      async () => {
        const now = (
          await this.kubectl('get', 'pod', '-n', NAMESPACE, name, '-o', 'jsonpath={.status.phase}')
        ).trim();
        return ['Succeeded', 'Failed'].includes(now) ? now : undefined;
      },
      {
        ...{ clock: systemClock, signal, timeoutMs: 90_000, maxPauseMs: 1_000 },
        explain: () => this.kubectl('describe', 'pod', '-n', NAMESPACE, name),
      },
    );
    const log = await this.kubectl('logs', '-n', NAMESPACE, name);
    assert.equal(phase, 'Succeeded', log);
    return log;
  }
}

/** Both: without the second, which the policy fills in, the API server itself finds the pod contradictory. */
const PRIVILEGED = { privileged: true, allowPrivilegeEscalation: true };

function pod(name: string, script: string, securityContext?: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'job',
          image: TOOL_IMAGE,
          command: ['/usr/bin/sh', '-c', script],
          volumeMounts: [{ name: 'home', mountPath: `/data/project/${TOOL}` }],
          ...(securityContext === undefined ? {} : { securityContext }),
        },
      ],
      volumes: [{ name: 'home', hostPath: { path: `/data/project/${TOOL}` } }],
    },
  };
}

before(async () => {
  if (skip !== false) return;
  if (engine().whose === 'ours') await emptyStore();
});
after(async () => {
  if (skip === false) await engine().stop();
});

/** Everything in the engine of the tests is theirs: what an earlier run left goes, images included. */
async function emptyStore(): Promise<void> {
  const containers = lines(await docker('ps', '--all', '--quiet'));
  if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
  await docker('system', 'prune', '--all', '--force', '--volumes');
  assert.equal(await docker('images', '--quiet'), '');
}

suite('a cluster on kind', { skip }, () => {
  let subject: Subject;
  let ports: string[];

  before(async () => {
    const rig = await Rig.create('tlk', { ...engine().env, TOOLFORGE_LOCAL_PROVIDER: 'auto' });
    ports = await freePorts();
    subject = new Subject('onkind', rig);
  });
  after(() => subject.rig.dispose(subject.name));

  test('`up` picks kind, builds what it needs and ends with a healthy cluster', async (t) => {
    await subject.up(t, ...ports);
    assert.equal((await subject.status())['provider'], 'kind');
    await subject.healthy();
    assert.match(await subject.kubectl('get', 'nodes'), /onkind-control-plane +Ready/);
  });

  test('`up` again changes nothing', async () => {
    const started = () => docker('inspect', '--format', '{{.State.StartedAt}}', 'onkind-control-plane');
    const before = await started();
    await subject.rig.ok('up', '--name', subject.name, ...ports);
    assert.equal(await started(), before);
  });

  test('a privileged pod in a tool’s namespace is refused, to the tool itself', async () => {
    const { exitCode, stderr } = await subject.createAsTool(
      'privileged',
      pod('privileged', 'true', PRIVILEGED),
    );
    assert.notEqual(exitCode, 0);
    assert.match(stderr, /toolforge-validate-pod-policy/);
  });

  test('an allowed pod runs to its end, as the tool, and writes to the tool’s home', async () => {
    const output = `/data/project/${TOOL}/job.out`;
    const log = await subject.runToEnd('allowed', `id -u; echo made > ${output}; echo well`);
    assert.deepEqual(lines(log), [String(UID), 'well']);
    const file = path.join(subject.home, 'job.out');
    assert.equal(await readFile(file, 'utf8'), 'made\n');
    assert.equal((await stat(file)).uid, UID);
  });

  test('`webservice start` brings up a web server that answers through its Service', async () => {
    await subject.inSession('sh', '-c', 'mkdir -p public_html && echo served > public_html/index.html');
    await subject.inSession('webservice', 'python3.11', 'start');
    await subject.kubectl('rollout', 'status', '-n', NAMESPACE, `deployment/${TOOL}`, '--timeout=90s');
    const proxied = `/api/v1/namespaces/${NAMESPACE}/services/${TOOL}:8000/proxy/`;
    assert.equal((await subject.kubectl('get', '--raw', proxied)).trim(), 'served');
    // By name, through the cluster's DNS and kube-proxy.
    const log = await subject.runToEnd('visitor', `wget -qO- http://${TOOL}:8000/`);
    assert.equal(log.trim(), 'served');
    assert.match(await subject.inSession('webservice', 'status'), /python3\.11, runs/);
    await subject.inSession('webservice', 'stop');
  });

  test('a job of the tool has its home, production’s files, and LDAP', async () => {
    const server = "$(sed -n 's#.*ldaps://\\([^:]*\\):\\([0-9]*\\).*#\\1 \\2#p' /etc/ldap.yaml)";
    const command = [
      'id -u; pwd; cat /etc/wmcs-project; grep -c BASE /etc/ldap.conf; ls -d /mnt/nfs/dumps-*',
      `bash -c 'exec 3<>/dev/tcp/$0/$1 && echo reached' ${server}`,
    ].join('; ');
    await subject.inSession('toolforge-jobs', 'run', 'look', '--command', command, '--wait', '90');
    const output = await readFile(path.join(subject.home, 'look.out'), 'utf8');
    const seen = [
      String(UID),
      `/data/project/${TOOL}`,
      'local',
      '1',
      '/mnt/nfs/dumps-clouddumps1001',
      'reached',
    ];
    assert.deepEqual(lines(output), seen, await readFile(path.join(subject.home, 'look.err'), 'utf8'));
  });

  test('policies are seeded as on plain processes', async () => {
    await subject.rig.ok('seed-policies', '--name', subject.name, '20');
    const seeded = await subject.kubectl(
      'get',
      'policies',
      '-A',
      '--no-headers',
      '-l',
      'toolforge-local/seed',
    );
    assert.equal(lines(seeded).length, 20);
  });

  test('accounts are seeded as on plain processes', async () => {
    await subject.rig.ok('seed-accounts', '--name', subject.name, '20', '--prefix', 'many');
    const namespaces = await subject.kubectl('get', 'namespaces', '--no-headers', '-l', 'tenancy=tool');
    assert.equal(lines(namespaces).filter((line) => line.startsWith('tool-many-')).length, 20);
  });

  test('a snapshot brings back what was saved', async () => {
    await subject.rig.ok('snapshot', '--name', subject.name, 'save', 'seeded');
    await subject.rig.ok('seed-policies', '--name', subject.name, '20', '--delete');
    await subject.rig.ok('snapshot', '--name', subject.name, 'restore', 'seeded');
    const seeded = await subject.kubectl('get', 'policies', '-A', '-o', 'name', '-l', 'toolforge-local/seed');
    assert.equal(lines(seeded).length, 20);
    await subject.healthy();
  });

  test('`reset` goes back to the fresh cluster', async () => {
    await subject.kubectl('create', 'namespace', 'passing');
    await subject.rig.ok('reset', '--name', subject.name);
    assert.doesNotMatch(await subject.kubectl('get', 'namespaces'), /passing|seed-/);
    await subject.healthy();
    assert.equal((await subject.runToEnd('after-reset', 'echo again')).trim(), 'again');
  });

  test('a restore that was killed while the control plane was down is brought to its end by `up`', async () => {
    const stop = 'touch /var/lib/toolforge-local-restoring && systemctl stop kubelet && pkill -KILL -x etcd';
    await docker('exec', 'onkind-control-plane', 'sh', '-c', stop);
    const events = await subject.rig.events('up', '--name', subject.name);
    const waited = events.find(({ event, id }) => event === 'step.done' && id === 'kind.apiservers');
    assert.match(String(waited?.['result']), /interrupted restore/);
    await subject.healthy();
  });

  test('the log of a component in a node is shown', async () => {
    const { stdout } = await subject.rig.ok('logs', '--name', subject.name, '-n', '5', 'kubelet-1');
    assert.ok(stdout.trim() !== '');
    const apiserver = await subject.rig.ok('logs', '--name', subject.name, '-n', '5', 'kube-apiserver-1');
    assert.ok((apiserver.stdout + apiserver.stderr).trim() !== '');
    const kyverno = await subject.rig.ok('logs', '--name', subject.name, '-n', '5', 'kyverno-admission');
    assert.match(kyverno.stdout, /^\[pod\/kyverno-admission-controller-/);
  });

  test('it survives a stop and start of its nodes', async (t) => {
    await docker('stop', ...(await subject.containers()));
    assert.equal((await subject.status())['healthy'], false);
    await subject.up(t, ...ports);
    await subject.healthy();
    assert.equal((await subject.runToEnd('after-restart', 'echo back')).trim(), 'back');
  });

  test('what the platform runs is loaded into a node that does not have it', async () => {
    const inNode = (...args: string[]) => docker('exec', 'onkind-control-plane', ...args);
    const images = (): Promise<string> => inNode('ctr', '-n', 'k8s.io', 'images', 'list', '-q');
    const wanted = platformImages(await loadProfile('current')).map(({ reference }) => reference);
    const [lost = ''] = wanted;
    await inNode('ctr', '-n', 'k8s.io', 'images', 'remove', lost);
    assert.ok(!lines(await images()).includes(lost));
    const events = await subject.rig.events('up', '--name', subject.name);
    const loaded = events.find(({ event, id }) => event === 'step.done' && id === 'kind.images');
    assert.equal(loaded?.['result'], '1 loaded');
    assert.ok(lines(await images()).includes(lost));
  });

  test('requests that no node can meet are refused with both numbers', async () => {
    const replicas = ['--kyverno-limits', '--kyverno-replicas', '7'];
    const { exitCode, stderr } = await subject.rig.run('up', '--name', subject.name, ...replicas);
    if (availableParallelism() > 10) return;
    assert.equal(exitCode, 3);
    assert.match(stderr, /too few processors/);
    await subject.rig.ok('up', '--name', subject.name, '--no-kyverno-limits', '--kyverno-replicas', '1');
  });

  test('a limit of control-plane memory is the node’s', async () => {
    await subject.rig.ok('up', '--name', subject.name, '--control-plane-memory', '3Gi');
    const memory = await docker('inspect', '--format', '{{.HostConfig.Memory}}', 'onkind-control-plane');
    assert.equal(Number(memory), 3 * 1024 ** 3);
  });

  test('what cannot change is refused, and a node that is gone is named', async () => {
    const refused = await subject.rig.run('up', '--name', subject.name, '--ha');
    assert.equal(refused.exitCode, 2);
    assert.match(refused.stderr, /number of control planes/);
    await docker('rm', '--force', '--volumes', 'onkind-control-plane');
    const gone = await subject.rig.run('up', '--name', subject.name);
    assert.equal(gone.exitCode, 4);
    assert.match(gone.stderr, /removed by hand, it seems: onkind-control-plane/);
  });

  test('`down` leaves nothing', async () => {
    await subject.rig.ok('down', '--name', subject.name);
    assert.deepEqual(await subject.containers(), []);
    const networks = await docker('network', 'ls', '--quiet', '--filter', `label=${OWNER}`);
    assert.equal(networks, '');
    if (engine().whose === 'ours') assert.equal(await docker('volume', 'ls', '--quiet'), '');
    await assert.rejects(access(subject.rig.directory(subject.name)));
  });

  test('a cluster of that name that somebody else made is left alone', async () => {
    const image = lines(await docker('images', '--format', '{{.Repository}}:{{.Tag}}')).find((name) =>
      name.startsWith('toolforge-local/node-root:'),
    );
    assert.ok(image);
    const theirs = ['--name', 'theirs-control-plane', '--label', 'io.x-k8s.kind.cluster=theirs'];
    await docker('run', '--detach', '--network', 'none', ...theirs, image, '/bin/sleep', '600');
    try {
      const refused = await subject.rig.run('up', '--name', 'theirs', ...ports);
      assert.equal(refused.exitCode, 6);
      assert.match(refused.stderr, /was not made here/);
      await subject.rig.run('down', '--name', 'theirs');
      assert.equal(await docker('inspect', '--format', '{{.State.Running}}', 'theirs-control-plane'), 'true');
    } finally {
      await docker('rm', '--force', '--volumes', 'theirs-control-plane');
    }
  });

  test('an image is pulled by its digest, and no other is taken', async (t) => {
    const program = engine().registry;
    if (program === undefined) {
      t.skip('a registry of ours runs only beside an engine of ours');
      return;
    }
    const withEngine = { ...context, runner: withEnv(engine().env) };
    const docked = await findEngine(withEngine);
    assert.ok('engine' in docked);
    const pull = (reference: string): Promise<string | undefined> =>
      pullImage(reference, docked.engine, withEngine, { update: () => undefined });
    const idOf = (image: string) => docker('image', 'inspect', '--format', '{{.Id}}', image);
    const registry = await startRegistry(program, subject.rig.state);
    const name = `${registry.address}/kindest/node:v1.2.3`;
    try {
      const tar = path.join(subject.rig.state, 'image.tar');
      await systemRunner.run('tar', ['-cf', tar, '-C', import.meta.dirname, 'registry.ts'], { signal });
      await docker('import', tar, name);
      const made = await idOf(name);
      await docker('push', '--quiet', name);
      const [digest] = lines(await docker('inspect', '--format', '{{index .RepoDigests 0}}', name));
      const sum = digest?.split('@')[1];
      assert.match(sum ?? '', /^sha256:/);
      await docker('rmi', name);
      const pinned = `${name}@${sum ?? ''}`;
      assert.equal(await pull(pinned), undefined);
      assert.equal(await idOf(pinned), made);
      await docker('rmi', pinned);
      assert.match(String(await pull(`${name}@sha256:${'0'.repeat(64)}`)), /not found|manifest unknown/);
    } finally {
      await registry.stop();
    }
    assert.match(String(await pull(`${name}@sha256:${'1'.repeat(64)}`)), /refused/);
  });

  test('an engine that does not answer is named', async () => {
    const rig = await Rig.create('tlk', {
      ...engine().env,
      DOCKER_HOST: 'unix:///nowhere/docker.sock',
      TOOLFORGE_LOCAL_PROVIDER: 'kind',
    });
    const { exitCode, stderr } = await rig.run('up', '--name', 'none', ...ports);
    assert.equal(exitCode, 3);
    assert.match(stderr, /No container engine answers/);
    await rig.dispose('none');
  });
});

suite('three control planes and a worker on kind', { skip }, () => {
  let subject: Subject;
  let ports: string[];

  before(async () => {
    const rig = await Rig.create('tlk', { ...engine().env, TOOLFORGE_LOCAL_PROVIDER: 'kind' });
    ports = await freePorts();
    subject = new Subject('trio', rig);
  });
  after(() => subject.rig.dispose(subject.name));

  /** Answers of the API through HAProxy. */
  const answers = async (): Promise<boolean> =>
    (
      await subject.rig.run(
        'kubectl',
        '--name',
        subject.name,
        'get',
        '--raw',
        '/readyz',
        '--request-timeout=5s',
      )
    ).exitCode === 0;
  const until = (what: string, holds: () => Promise<boolean>): Promise<true> =>
    waitFor(what, async () => ((await holds()) ? true : undefined), {
      ...{ clock: systemClock, signal, timeoutMs: 180_000, maxPauseMs: 1_000 },
    });

  const asked = ['--ha', '--kyverno', '1.12.5'];

  test('comes up, though an `up` before it was killed while kind made the nodes', async (t) => {
    const killed = subject.rig.start('up', '--name', subject.name, ...asked, ...ports);
    await waitFor(
      'the first node',
      async () => ((await subject.containers()).length > 0 ? true : undefined),
      {
        ...{ clock: systemClock, signal, timeoutMs: 600_000, maxPauseMs: 1_000 },
      },
    );
    killed.kill('SIGKILL');
    await subject.up(t, ...asked, ...ports);
    await subject.healthy();
    assert.equal(lines(await subject.kubectl('get', 'nodes', '--no-headers')).length, 4);
  });

  // The first is the one that kind and kubeadm began with.
  for (const lost of ['trio-control-plane', 'trio-control-plane2']) {
    test(`loses ${lost} without losing the API`, async () => {
      await docker('kill', lost);
      await until('the API to answer', answers);
      // HAProxy finds out within two checks of ten seconds; from then on nothing of it is seen.
      await until('HAProxy to notice', async () => {
        const { haproxy } = (await subject.status()) as unknown as {
          haproxy: { value: { backends: { name: string; servers: { state: string }[] }[] } };
        };
        const servers = haproxy.value.backends.find(({ name }) => name === 'k8s-api')?.servers ?? [];
        return servers.filter(({ state }) => state === 'up').length === 2;
      });
      for (let request = 0; request < 10; request += 1) assert.ok(await answers());
      assert.equal((await subject.runToEnd(`without-${lost}`, 'echo still')).trim(), 'still');
      const refused = await subject.createAsTool('privileged', pod('privileged', 'true', PRIVILEGED));
      assert.match(refused.stderr, /toolforge-validate-pod-policy/);
      await subject.rig.ok('up', '--name', subject.name);
      await subject.healthy();
    });
  }

  test('survives a restart of all nodes', async (t) => {
    await docker('stop', ...(await subject.containers()));
    await subject.up(t);
    await subject.healthy();
    assert.equal((await subject.runToEnd('after-restart', 'echo back')).trim(), 'back');
  });

  test('`reset` restores all members of etcd', async () => {
    await subject.kubectl('create', 'namespace', 'passing');
    await subject.rig.ok('reset', '--name', subject.name);
    assert.doesNotMatch(await subject.kubectl('get', 'namespaces'), /passing/);
    await subject.healthy();
  });

  test('another Kyverno takes the place of the one before, and refuses what it refused', async () => {
    const { versions } = (await subject.status()) as unknown as { versions: { kyverno: string } };
    assert.equal(versions.kyverno, '1.12.5');
    await subject.rig.ok('up', '--name', subject.name, '--kyverno', '1.18.2', '--kyverno-replicas', '3');
    await subject.healthy();
    const refused = await subject.createAsTool('privileged', pod('privileged', 'true', PRIVILEGED));
    assert.match(refused.stderr, /toolforge-validate-pod-policy/);
  });
});
