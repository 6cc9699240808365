import type { MachineMemory } from '../cluster/provider.ts';
import type { Output } from '../lib/output.ts';
import { formatBytes } from '../lib/sizes.ts';
import { describeBypassed, shareTakenUp, type KyvernoStatus, type TakenUp } from './kyverno/index.ts';
import type { LdapStatus } from './ldap/index.ts';
import type { MaintainKubeusersStatus } from './maintain-kubeusers/index.ts';
import type { Part, Status } from './status.ts';

/** The status as one screen of lines. */
export function renderStatus(status: Status, output: Output): string[] {
  const heading = (text: string): string => output.style('bold', text);
  return [
    `${heading(`Cluster ${status.name}`)}  ${verdict(status, output)}`,
    `  ${status.provider}, profile ${status.profile}: Kubernetes ${status.versions.kubernetes}, etcd ${status.versions.etcd}, Kyverno ${status.versions.kyverno}`,
    `  ${output.style('dim', status.directory)}`,
    '',
    ...section(heading('API'), status.api, output, ({ readyMs, namespaces, policies }) => [
      `ready in ${Math.round(readyMs)} ms, ${namespaces} namespaces, ${policies} policies`,
    ]),
    ...section(heading('HAProxy'), status.haproxy, output, ({ backends }) =>
      backends.flatMap(({ name, servers }) => [
        `${name}: ${servers.map((server) => `${server.name} ${colour(server.state, output)}`).join(', ')}`,
      ]),
    ),
    ...section(heading('Kyverno'), status.kyverno, output, (kyverno) => kyvernoLines(kyverno, output)),
    heading('LDAP'),
    `  ${ldapLine(status.ldap, output)}`,
    ...section(heading('Accounts'), status.accounts, output, (accounts) => accountLines(accounts, output)),
    heading('Memory'),
    ...status.machines.map((machine) => `  ${machineLine(machine, output)}`),
    '',
    heading('Differs from production'),
    ...status.differences.map(
      ({ what, here, production, why }) =>
        `  ${what}: ${here} (production: ${production})${why === undefined ? '' : output.style('dim', `: ${why}`)}`,
    ),
  ];
}

function verdict(status: Status, output: Output): string {
  return status.healthy ? output.style('green', 'healthy') : output.style('red', 'not healthy');
}

function section<T>(title: string, part: Part<T>, output: Output, lines: (value: T) => string[]): string[] {
  const body = part.ok ? lines(part.value) : [output.style('red', part.problem)];
  return [title, ...body.map((line) => `  ${line}`)];
}

function kyvernoLines({ controllers, webhooks, policies, stopped }: KyvernoStatus, output: Output): string[] {
  const replicas = controllers.map(({ name, replicas: all }) => {
    const running = all.filter((replica) => replica.running).length;
    const text = `${name.replace(/^kyverno-/, '')} ${running}/${all.length}`;
    return output.style(running === all.length && running > 0 ? 'green' : 'red', text);
  });
  const missing = webhooks.missing.length === 0 ? 'registered' : `missing: ${webhooks.missing.join(', ')}`;
  const bypassed =
    webhooks.bypassed.length === 0 ? [] : [output.style('yellow', describeBypassed(webhooks.bypassed))];
  const cold = 'admission stopped for `seed-policies --cold`; run `seed-policies` or `up` to start it';
  return [
    replicas.join(', '),
    `webhooks ${missing}`,
    ...takenUpLine(policies, output),
    ...bypassed,
    ...(stopped ? [output.style('yellow', cold)] : []),
  ];
}

function takenUpLine(policies: TakenUp, output: Output): string[] {
  if (policies.ready === policies.all) return [];
  return [
    output.style(
      'yellow',
      `${shareTakenUp(policies)} of the policies taken up; the others act on no pod yet`,
    ),
  ];
}

function ldapLine({ url, content }: LdapStatus, output: Output): string {
  if ('problem' in content) return output.style('red', content.problem);
  const { tools, locked, people } = content;
  return `${url}: ${tools} tools${locked === 0 ? '' : `, ${locked} of them locked`}, ${people} ${people === 1 ? 'person' : 'people'}`;
}

/** How many skipped entries and problems one screen has room for; `--json` has more. */
const NAMED = 3;

function accountLines(
  { accounts, skipped, problems, lastPass, ...rest }: MaintainKubeusersStatus,
  output: Output,
): string[] {
  const { total, ready, pending, disabled } = accounts;
  const cost = lastPass?.seconds.toFixed(2);
  if (rest.standby !== undefined) return [`stands by: ${rest.standby} leads`];
  return [
    `${total} in all: ${ready} ready, ${pending} pending, ${disabled} disabled, ${accounts.skipped} skipped`,
    ...(lastPass === undefined
      ? []
      : [
          `last pass: ${cost ?? ''} s, ${lastPass.apiRequests} API requests, ${lastPass.fileOperations} file operations, ${lastPass.actions} actions`,
        ]),
    ...skipped
      .slice(0, NAMED)
      .map(({ entry, reason }) => output.style('yellow', `skipped ${entry}: ${reason}`)),
    ...problems.slice(0, NAMED).map(({ account, problem }) => output.style('red', `${account}: ${problem}`)),
    ...[rest.massDeleteBlocked, rest.ldapError]
      .filter((text) => text !== undefined)
      .map((text) => output.style('red', text)),
  ];
}

function colour(state: string, output: Output): string {
  return output.style(state === 'up' ? 'green' : 'red', state);
}

function machineLine({ machine, limit, processes }: MachineMemory, output: Output): string {
  const total = processes.reduce((sum, { rss }) => sum + rss, 0);
  const parts = processes.map(({ name, pid, rss }) =>
    pid === undefined ? output.style('red', `${name} is down`) : `${name} ${formatBytes(rss)}`,
  );
  const of = limit === undefined ? '' : ` of ${formatBytes(limit)}`;
  return `${machine.padEnd(16)} ${formatBytes(total).padStart(8)}${of}  ${output.style('dim', parts.join(', '))}`;
}
