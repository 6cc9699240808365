import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { renderConfig, type HAProxyConfig } from '../../../components/haproxy/config.ts';
import { haproxyFiles } from '../../../components/haproxy/service.ts';

const config: HAProxyConfig = {
  apiPort: 6443,
  healthCheck: 'healthz',
  apiservers: [1, 2, 3].map((index) => ({
    name: `control-plane-${index}`,
    host: '127.0.0.1',
    port: 20_004 + index,
  })),
  services: [
    {
      name: 'kyverno-svc',
      port: 20_012,
      healthPath: '/health/liveness',
      servers: [{ name: 'kyverno-svc-1', host: '127.0.0.1', port: 20_020 }],
    },
  ],
  statsPort: 8404,
  statsUser: 'admin',
  statsPassword: 'secret',
  files: haproxyFiles('/state/haproxy'),
};

/** The lines of a section, without its title. */
function linesOf(text: string, title: string): string[] {
  const lines = text.split('\n');
  const start = lines.indexOf(title);
  assert.notEqual(start, -1, `no section ${title} in:\n${text}`);
  const rest = lines.slice(start + 1);
  return rest.slice(0, rest.indexOf('')).map((line) => line.trim());
}

void suite('HAProxy configuration', () => {
  test('the proxy of the API servers is production’s, to the letter', () => {
    const text = renderConfig(config);
    assert.deepEqual(linesOf(text, 'frontend k8s-api'), [
      'bind 127.0.0.1:6443',
      'mode tcp',
      'option tcplog',
      'timeout client 1h',
      'default_backend k8s-api',
    ]);
    assert.deepEqual(linesOf(text, 'backend k8s-api'), [
      'mode tcp',
      'option httpchk GET /healthz',
      'balance roundrobin',
      'timeout server 1h',
      'default-server inter 10s downinter 5s rise 2 fall 2 slowstart 60s maxconn 250 maxqueue 256 weight 100',
      'server control-plane-1 127.0.0.1:20005 check check-ssl verify none',
      'server control-plane-2 127.0.0.1:20006 check check-ssl verify none',
      'server control-plane-3 127.0.0.1:20007 check check-ssl verify none',
    ]);
  });

  test('before the outage it asked for an open port only', () => {
    const lines = linesOf(renderConfig({ ...config, healthCheck: 'tcp' }), 'backend k8s-api');
    assert.ok(lines.includes('option tcp-check'));
    assert.ok(lines.includes('server control-plane-1 127.0.0.1:20005 check'));
    assert.ok(!lines.some((line) => line.includes('httpchk') || line.includes('check-ssl')));
  });

  test('nothing listens anywhere but on loopback', () => {
    const binds = renderConfig(config)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('bind '));
    assert.equal(binds.length, 3);
    for (const bind of binds) assert.match(bind, /^bind 127\.0\.0\.1:\d+/);
  });

  test('statistics and metrics want TLS and the password, before anything else is answered', () => {
    const lines = linesOf(renderConfig(config), 'frontend stats');
    assert.match(lines[0] ?? '', /^bind 127\.0\.0\.1:8404 ssl crt '\/state\/haproxy\/stats\.pem'/);
    const rules = lines.filter((line) => line.startsWith('http-request') || line.startsWith('stats'));
    assert.match(rules[0] ?? '', /^http-request auth .* unless \{ http_auth\(stats-users\) \}$/);
  });

  test('a service without replicas behind it is no error of ours', () => {
    const text = renderConfig({
      ...config,
      services: config.services.map((service) => ({ ...service, servers: [] })),
    });
    assert.ok(!linesOf(text, 'backend kyverno-svc').some((line) => line.startsWith('server ')));
  });

  test('paths may hold spaces and quotes', () => {
    const text = renderConfig({ ...config, files: haproxyFiles("/home/o'hara/my state") });
    assert.ok(text.includes(String.raw`stats socket '/home/o'\''hara/my state/admin.sock' mode 600`));
  });
});
