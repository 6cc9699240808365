import type { BalancedService, Endpoint } from '../../cluster/provider.ts';
import type { HealthCheck } from '../../cluster/spec.ts';

/** Where HAProxy's own files are; all below one directory of mode 0700. */
export interface HAProxyFiles {
  readonly config: string;
  /** PEM: the statistics page's certificate, then its key. */
  readonly certificate: string;
  readonly password: string;
  readonly adminSocket: string;
  readonly masterSocket: string;
}

export interface HAProxyConfig {
  readonly apiPort: number;
  readonly healthCheck: HealthCheck;
  readonly apiservers: readonly Endpoint[];
  readonly services: readonly BalancedService[];
  readonly statsPort: number;
  readonly statsUser: string;
  readonly statsPassword: string;
  readonly files: HAProxyFiles;
}

/** Frontend and backend of the API servers, as production names them. */
export const API_PROXY = 'k8s-api';
export const STATS_PROXY = 'stats';

/**
 * Caps what HAProxy takes of the host's file descriptors, two for a connection. Without it HAProxy sizes its tables
 * after the hard limit: a `maxconn` above that limit is fatal, and a limit of a thousand million (Docker's) takes
 * gigabytes. What remains, 4,979 connections at most, is above what three API servers take with production's
 * `maxconn 250 maxqueue 256` and ten Kyverno replicas with theirs.
 */
const FILE_DESCRIPTORS = 10_000;

/** Forwarding bytes is all it does here: two threads are more than enough, and memory grows with each. */
const THREADS = 2;

/** HAProxy's configuration, as text. A pure function: the same input gives the same file. */
export function renderConfig(config: HAProxyConfig): string {
  return [
    globalSection(config),
    defaultsSection(),
    apiSections(config),
    ...config.services.map(serviceSections),
    statsSections(config),
  ].join('\n');
}

function globalSection({ files }: HAProxyConfig): string {
  return section('global', [
    'log stdout format raw local0',
    `fd-hard-limit ${FILE_DESCRIPTORS}`,
    `nbthread ${THREADS}`,
    // A reload hands its listening sockets over, so that not one connection is refused meanwhile.
    `stats socket ${quote(files.adminSocket)} mode 600 level admin expose-fd listeners`,
    'stats timeout 30s',
    // A worker that a reload replaced ends with its last connection: watches last up to the client timeout.
    'hard-stop-after 1h',
    'ssl-default-bind-options ssl-min-ver TLSv1.2',
  ]);
}

/** Production's defaults (TOOLFORGE.md, section 3). `option redispatch` is not known to be there, so it is not here. */
function defaultsSection(): string {
  return section('defaults', [
    'log global',
    'mode tcp',
    'timeout connect 5s',
    'timeout client 50s',
    'timeout server 50s',
    'timeout http-request 15s',
    'timeout http-keep-alive 15s',
  ]);
}

/** Production's proxy of the API servers, to the letter; before the outage its health check was an open port. */
function apiSections({ apiPort, healthCheck, apiservers }: HAProxyConfig): string {
  const [option, check] =
    healthCheck === 'healthz'
      ? ['option httpchk GET /healthz', 'check check-ssl verify none']
      : ['option tcp-check', 'check'];
  return [
    section(`frontend ${API_PROXY}`, [
      `bind 127.0.0.1:${apiPort}`,
      'mode tcp',
      'option tcplog',
      'timeout client 1h',
      `default_backend ${API_PROXY}`,
    ]),
    section(`backend ${API_PROXY}`, [
      'mode tcp',
      option,
      'balance roundrobin',
      'timeout server 1h',
      'default-server inter 10s downinter 5s rise 2 fall 2 slowstart 60s maxconn 250 maxqueue 256 weight 100',
      ...apiservers.map((server) => serverLine(server, check)),
    ]),
  ].join('\n');
}

/**
 * What kube-proxy and the kubelet do for the pods of a Service, as near as a proxy comes to it:
 * - a connection that a dead replica refuses goes to another at once (`redispatch 1`), so nobody notices, and within
 *   2.5 s the replica is out (`inter 2s fastinter 500ms fall 2`), as a pod is whose container ended;
 * - one that no longer answers is out after two checks of 2 s, and its connections are cut, so that an API server does
 *   not send more requests into them: the kubelet would restart it, which cuts them too. (`observe layer4` with
 *   `on-error mark-down` would be quicker, but then cuts the very connection that was about to go to another.)
 * - one that comes back takes part within half a second, as a pod does when it turns ready.
 * The check asks for liveness: `/health/readiness` of Kyverno reads two Secrets from the API server each time, and
 * the TLS handshake alone proves what makes a replica ready, that it has a certificate.
 */
function serviceSections({ name, port, healthPath, servers }: BalancedService): string {
  return [
    section(`frontend ${name}`, [
      `bind 127.0.0.1:${port}`,
      'mode tcp',
      'timeout client 1h',
      `default_backend ${name}`,
    ]),
    section(`backend ${name}`, [
      'mode tcp',
      `option httpchk GET ${healthPath}`,
      'http-check expect status 200',
      'option redispatch 1',
      'balance roundrobin',
      'timeout server 1h',
      'timeout check 2s',
      'default-server inter 2s fastinter 500ms downinter 500ms rise 1 fall 2 on-marked-down shutdown-sessions',
      ...servers.map((server) => serverLine(server, 'check check-ssl verify none')),
    ]),
  ].join('\n');
}

/** Production's port and paths; TLS and a password, since every user of this machine reaches a loopback port. */
function statsSections({ statsPort, statsUser, statsPassword, files }: HAProxyConfig): string {
  return [
    section('userlist stats-users', [`user ${statsUser} insecure-password ${statsPassword}`]),
    section(`frontend ${STATS_PROXY}`, [
      `bind 127.0.0.1:${statsPort} ssl crt ${quote(files.certificate)} alpn h2,http/1.1`,
      'mode http',
      'option dontlog-normal',
      'http-request auth realm toolforge-local unless { http_auth(stats-users) }',
      'http-request use-service prometheus-exporter if { path /metrics }',
      'http-request return status 404 unless { path_beg /stats }',
      'stats enable',
      'stats uri /stats',
      'stats refresh 10s',
      'stats show-legends',
    ]),
  ].join('\n');
}

function serverLine({ name, host, port }: Endpoint, check: string): string {
  return `server ${name} ${host}:${port} ${check}`;
}

/** HAProxy's strong quotes: nothing between them means anything but itself. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function section(title: string, lines: readonly string[]): string {
  return `${[title, ...lines.map((line) => `    ${line}`)].join('\n')}\n`;
}
