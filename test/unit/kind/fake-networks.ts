import { Failure } from '../../../lib/errors.ts';
import type { Runner, RunOptions, RunResult } from '../../../lib/run.ts';

interface FakeNetwork {
  readonly subnet: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** An engine that has networks and nothing else, and shows them as Docker 28 or Podman 4 does. */
export class FakeNetworks implements Runner {
  readonly networks = new Map<string, FakeNetwork>();
  /** The subnet that it gives by itself. */
  offers = '172.18.0.0/16';
  /** Subnets that it refuses. */
  taken: readonly string[] = [];
  /** Names of networks that a container is in. */
  used: readonly string[] = [];
  /** Every command that changed something. */
  readonly changes: string[] = [];

  run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const name = args.at(-1) ?? '';
    switch (args.slice(0, 2).join(' ')) {
      case 'network inspect':
        return this.#inspect(program, name, options);
      case 'network create':
        return this.#create(name, args);
      case 'network rm':
        this.changes.push('rm');
        this.networks.delete(name);
        return answer(`${name}\n`);
      case 'ps --all':
        return answer(this.used.some((used) => name === `network=${used}`) ? '1f2e3d4c5b6a\n' : '');
      default:
        throw new Error(`unexpected: ${args.join(' ')}`);
    }
  }

  attach(): Promise<number> {
    throw new Error('not used');
  }

  #create(name: string, args: readonly string[]): Promise<RunResult> {
    const valuesOf = (flag: string): string[] =>
      args.flatMap((arg, index) => (arg === flag ? [args[index + 1] ?? ''] : []));
    const [subnet] = valuesOf('--subnet');
    this.changes.push(subnet === undefined ? 'create' : `create ${subnet}`);
    if (this.networks.has(name)) return refuse(`network with name ${name} already exists`);
    if (subnet !== undefined && this.taken.includes(subnet)) {
      return refuse('invalid pool request: Pool overlaps with other one on this address space');
    }
    const labels = valuesOf('--label').map((label): [string, string] => {
      const [key = '', value = ''] = label.split('=');
      return [key, value];
    });
    this.networks.set(name, { subnet: subnet ?? this.offers, labels: Object.fromEntries(labels) });
    return answer(`${name}\n`);
  }

  #inspect(program: string, name: string, { okExitCodes = [] }: RunOptions): Promise<RunResult> {
    const network = this.networks.get(name);
    const exitCode = program === 'docker' ? 1 : 125;
    if (network === undefined) {
      return okExitCodes.includes(exitCode)
        ? Promise.resolve({ stdout: '[]\n', stderr: `network ${name} not found`, exitCode })
        : refuse(`network ${name} not found`);
    }
    const shown = program === 'docker' ? asDocker(name, network) : asPodman(name, network);
    return answer(JSON.stringify([shown], undefined, 4));
  }
}

function asDocker(name: string, { subnet, labels }: FakeNetwork): object {
  return {
    Name: name,
    Id: '7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99',
    Created: '2026-01-01T00:00:00.000000000Z',
    Scope: 'local',
    Driver: 'bridge',
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: subnet, Gateway: gatewayOf(subnet) }] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: labels,
  };
}

function asPodman(name: string, { subnet, labels }: FakeNetwork): object {
  return {
    name,
    id: '2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9',
    driver: 'bridge',
    network_interface: 'podman1',
    created: '2026-01-01T00:00:00.000000000Z',
    subnets: [{ subnet, gateway: gatewayOf(subnet) }],
    ipv6_enabled: false,
    internal: false,
    dns_enabled: true,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ipam_options: { driver: 'host-local' },
  };
}

function gatewayOf(subnet: string): string {
  return subnet.replace(/0\/\d+$/, '1');
}

function answer(stdout: string): Promise<RunResult> {
  return Promise.resolve({ stdout, stderr: '', exitCode: 0 });
}

function refuse(why: string): Promise<never> {
  return Promise.reject(new Failure({ kind: 'environment', what: 'network exited with 1', why }));
}
