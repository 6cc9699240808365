import type { KubeObject } from '../../lib/kube/types.ts';
import { contextFields } from './security-context.ts';
import { withStorage } from './storage.ts';
import { ownImage, type Generation, type Tool } from './tool.ts';

export interface Webservice {
  readonly tool: Tool;
  /** `python3.11`, `node18`, `jdk17` … */
  readonly type: string;
  readonly generation: Generation;
  /** Instead of production's image of the type. */
  readonly standIn?: string | undefined;
  /** Below which the tool's web address is: `toolforge.local`. */
  readonly domain: string;
  readonly startedAt: string;
}

const PORT = 8000;

/** What `webservice start` creates: a Deployment, a Service, an Ingress (TOOLFORGE.md, section 7). */
export function webserviceObjects(service: Webservice): {
  readonly deployment: KubeObject;
  readonly service: KubeObject;
  readonly ingress: KubeObject;
} {
  const { tool, startedAt, domain } = service;
  const labels = webserviceLabels(tool);
  const metadata = { name: tool.name, namespace: tool.namespace, labels };
  return {
    deployment: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...metadata, annotations: { 'toolforge.org/started-at': startedAt } },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations: { 'toolforge.org/started-at': startedAt } },
          spec: withStorage(webservicePod(service), tool.home),
        },
      },
    },
    service: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ name: 'http', port: PORT, protocol: 'TCP', targetPort: PORT }] },
    },
    ingress: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { ...metadata, name: `${tool.name}-subdomain` },
      spec: {
        rules: [
          {
            host: `${tool.name}.${domain}`,
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: { service: { name: tool.name, port: { number: PORT } } },
                },
              ],
            },
          },
        ],
      },
    },
  };
}

/** By which a webservice's objects are found, and its pods selected. */
export function webserviceLabels({ name }: Tool): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/component': 'web',
    'app.kubernetes.io/managed-by': 'webservice',
    toolforge: 'tool',
    name,
  };
}

/** The pod of a webservice, before its storage. */
export function webservicePod({
  tool,
  type,
  generation,
  standIn,
}: Webservice): Readonly<Record<string, unknown>> {
  const context = contextFields(tool, generation);
  const memory = type.startsWith('jdk') ? '1Gi' : '512Mi';
  return {
    ...context.pod,
    containers: [
      {
        name: 'webservice',
        image: ownImage(`${type}-sssd-web`, standIn),
        command: ['/usr/bin/webservice-runner', '--type', type, '--port', String(PORT)],
        workingDir: `${tool.home}/`,
        ports: [{ name: 'http', containerPort: PORT, protocol: 'TCP' }],
        resources: { requests: { cpu: '125m', memory: '256Mi' }, limits: { cpu: '500m', memory } },
        ...context.container,
      },
    ],
  };
}

/** The pod of `webservice shell`, before its storage. */
export function shellPod({
  tool,
  type,
  generation,
  standIn,
}: Pick<Webservice, 'tool' | 'type' | 'generation' | 'standIn'>): Readonly<Record<string, unknown>> {
  const context = contextFields(tool, generation);
  return {
    ...context.pod,
    restartPolicy: 'Never',
    containers: [
      {
        name: 'shell',
        image: ownImage(`${type}-sssd-web`, standIn),
        command: ['/bin/bash', '-il'],
        workingDir: `${tool.home}/`,
        stdin: true,
        tty: true,
        ...context.container,
      },
    ],
  };
}
