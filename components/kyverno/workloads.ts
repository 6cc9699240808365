import type { V1Deployment } from '@kubernetes/client-node';
import type { Platform, PlatformWorkload } from '../../cluster/provider.ts';
import { isAtLeast } from '../../lib/versions.ts';

/** One of Kyverno's controllers: its Deployment in the chart, and its program in the toolchain. */
export interface KyvernoController {
  readonly deployment: string;
  readonly binary: string;
  readonly service?: KyvernoService;
  /** Whether it has a second metrics server, that of controller-runtime, with an address of its own (since 1.13). */
  readonly controllerRuntime: boolean;
  /**
   * Whether it only follows what happened. The reports controller goes through all policies whenever one changes: at
   * 4,000 that takes a whole processor from the API server beside it (docs/kyverno-tuning.md).
   */
  readonly background: boolean;
}

/** The Service that a controller's webhooks name, and the flags that say where a replica listens for it. */
interface KyvernoService {
  readonly name: string;
  readonly hostFlag: string;
  readonly portFlag: string;
}

export const CONTROLLERS: readonly KyvernoController[] = [
  {
    deployment: 'kyverno-admission-controller',
    binary: 'kyverno',
    service: { name: 'kyverno-svc', hostFlag: 'webhookServerHost', portFlag: 'webhookServerPort' },
    controllerRuntime: true,
    background: false,
  },
  {
    deployment: 'kyverno-background-controller',
    binary: 'background-controller',
    controllerRuntime: true,
    background: true,
  },
  {
    deployment: 'kyverno-cleanup-controller',
    binary: 'cleanup-controller',
    service: {
      name: 'kyverno-cleanup-controller',
      hostFlag: 'cleanupServerHost',
      portFlag: 'cleanupServerPort',
    },
    controllerRuntime: false,
    background: false,
  },
  {
    deployment: 'kyverno-reports-controller',
    binary: 'reports-controller',
    controllerRuntime: false,
    background: true,
  },
];

/**
 * The controller's workload for the platform: as the chart has it, plus what a replica outside a pod needs.
 * @param version Kyverno's: `1.18.2`. Before 1.13 its webhook servers listen on all addresses; no flag confines them.
 */
export function workloadOf(
  deployment: V1Deployment,
  platform: Pick<Platform, 'webhookAddress'>,
  version: string,
): PlatformWorkload {
  const controller = CONTROLLERS.find((candidate) => candidate.deployment === deployment.metadata?.name);
  if (controller === undefined) {
    throw new Error(
      `Kyverno's chart has a Deployment that is not known here: ${deployment.metadata?.name ?? 'none'}`,
    );
  }
  const { binary, service, controllerRuntime, background } = controller;
  const newer = isNewer(version);
  return {
    deployment,
    binary,
    background,
    processArguments: () => [
      // Kyverno's metrics know neither users nor passwords, and every user of this machine reaches a loopback port.
      // `disableMetrics` alone is not enough: with `otelConfig=prometheus` it still listens, and serves profiles.
      '--disableMetrics=true',
      '--otelConfig=none',
      ...(newer ? ['--disableLogColor=true'] : []),
      ...(controllerRuntime && newer ? ['--controllerRuntimeMetricsAddress=0'] : []),
      ...(service === undefined ? [] : serverAddress(platform.webhookAddress(service.name))),
    ],
    ...(service === undefined
      ? {}
      : {
          webhook: {
            service: service.name,
            replicaArguments: (port: number) => [
              ...(newer ? [`--${service.hostFlag}=127.0.0.1`] : []),
              `--${service.portFlag}=${port}`,
            ],
          },
        }),
  };
}

/** Whether its controllers end at their start when they may not yet read what they look for. */
export function endsWithoutRights(version: string): boolean {
  return !isNewer(version);
}

/** Whether this Kyverno has flags for the addresses that its servers listen on, and for the colours of its log. */
function isNewer(version: string): boolean {
  return isAtLeast(version, '1.13');
}

/** Makes Kyverno register its webhooks by URL, where the API server reaches them, instead of by Service. */
function serverAddress(address: string | undefined): string[] {
  return address === undefined ? [] : [`--serverIP=${address}`];
}
