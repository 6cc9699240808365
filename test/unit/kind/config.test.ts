import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parse } from 'yaml';
import { kindConfig, networkFile } from '../../../cluster/kind/config.ts';
import { apiserverEndpoints, nodesOf } from '../../../cluster/kind/layout.ts';
import { addressesIn } from '../../../cluster/kind/network.ts';
import { PkiStore } from '../../../cluster/pki/store.ts';
import { loadProfile } from '../../../cluster/profile.ts';
import { PRODUCTION } from '../../../cluster/production.ts';
import { recordOf as record } from '../../record.ts';

interface Config {
  readonly networking: {
    readonly apiServerPort: number;
    readonly podSubnet: string;
    readonly disableDefaultCNI: boolean;
  };
  readonly kubeadmConfigPatches: readonly string[];
  readonly nodes: readonly {
    readonly role: string;
    readonly labels: object;
    readonly extraMounts: readonly { readonly containerPath: string; readonly readOnly?: boolean }[];
    readonly extraPortMappings: readonly {
      readonly containerPort: number;
      readonly hostPort: number;
      readonly listenAddress: string;
    }[];
  }[];
}

const kindRecord = (controlPlanes: number) => record({ name: 'c', provider: 'kind', controlPlanes });

suite("kind's configuration", () => {
  const configOf = async (controlPlanes: number, origin: 'built' | 'pulled' = 'built'): Promise<Config> => {
    const profile = await loadProfile('current');
    return parse(
      kindConfig(kindRecord(controlPlanes), profile, '/state/c', new PkiStore('/state/c'), {
        reference: 'image',
        origin,
      }),
    ) as Config;
  };

  test('has production API server arguments', async () => {
    const [patch = ''] = (await configOf(1)).kubeadmConfigPatches;
    const { kind, apiServer } = parse(patch) as {
      kind: string;
      apiServer: { extraArgs: Record<string, string> };
    };
    assert.equal(kind, 'ClusterConfiguration');
    assert.equal(apiServer.extraArgs['enable-admission-plugins'], 'EventRateLimit,NodeRestriction');
    assert.equal(apiServer.extraArgs['tls-cipher-suites'], PRODUCTION.cipherSuites.join(','));
    assert.equal(apiServer.extraArgs['profiling'], 'false');
  });

  test("leaves network and images to kind's own node image", async () => {
    const parsed = (text = ''): Record<string, unknown> => parse(text) as Record<string, unknown>;
    const built = await configOf(1);
    const pulled = await configOf(1, 'pulled');
    assert.deepEqual(
      [built, pulled].map(({ networking }) => networking.disableDefaultCNI),
      [true, false],
    );
    const [ours, theirs] = [built, pulled].map((config) => parsed(config.kubeadmConfigPatches[0]));
    assert.match(JSON.stringify(ours), /imageTag.*allocate-node-cidrs/);
    assert.doesNotMatch(JSON.stringify(theirs), /imageTag|allocate-node-cidrs/);
    assert.deepEqual(theirs?.['apiServer'], ours?.['apiServer']);
  });

  test('gives every node production labels and mounts, and the keys to the first alone', async () => {
    const { nodes } = await configOf(3);
    assert.deepEqual(
      nodes.map(({ role }) => role),
      ['control-plane', 'control-plane', 'control-plane', 'worker'],
    );
    for (const { labels, extraMounts } of nodes) {
      assert.deepEqual(labels, PRODUCTION.nodeLabels);
      assert.ok(extraMounts.some(({ containerPath }) => containerPath === '/data/project'));
    }
    const withKeys = nodes.filter(({ extraMounts }) =>
      extraMounts.some(({ containerPath }) => containerPath === '/etc/kubernetes/pki/ca.key'),
    );
    assert.deepEqual(withKeys, [nodes[0]]);
  });

  test('publishes on loopback only, each port once, and each API server where HAProxy looks for it', async () => {
    for (const controlPlanes of [1, 3]) {
      const { nodes, networking } = await configOf(controlPlanes);
      const mappings = nodes.flatMap(({ extraPortMappings }) => extraPortMappings);
      assert.ok(mappings.every(({ listenAddress }) => listenAddress === '127.0.0.1'));
      const ports = [...mappings.map(({ hostPort }) => hostPort), networking.apiServerPort];
      assert.equal(new Set(ports).size, ports.length);
      for (const { port } of apiserverEndpoints(kindRecord(controlPlanes))) assert.ok(ports.includes(port));
    }
  });

  test('addresses and pod subnets of nodes differ, and the node list has them all', () => {
    const record = kindRecord(3);
    const addresses = addressesIn('172.20.0.0/16', record);
    assert.equal(new Set(addresses.values()).size, 5);
    assert.equal(addresses.get('c-control-plane2'), '172.20.0.11');
    const lines = networkFile(nodesOf(record), addresses).trim().split('\n');
    assert.deepEqual(lines[3], 'c-worker 172.20.0.13 192.168.3.0/24');
    assert.equal(new Set(lines.map((line) => line.split(' ')[2])).size, 4);
  });

  test('names nodes as kind does', () => {
    assert.deepEqual(
      nodesOf(kindRecord(3)).map(({ container, machine }) => [container, machine]),
      [
        ['c-control-plane', 'control-plane-1'],
        ['c-control-plane2', 'control-plane-2'],
        ['c-control-plane3', 'control-plane-3'],
        ['c-worker', 'worker-1'],
      ],
    );
  });
});
