import { collectDefaultMetrics, Counter, Gauge, Registry, Summary } from 'prom-client';
import { ACTION_KINDS } from './difference/difference.ts';

/** The values of `source` in `errors_total`. */
const ERROR_SOURCES = ['account', 'api', 'homes', 'ldap', 'policy', 'watch'];

/**
 * Production's names, as its Prometheus sees them (its client library ends counters in `_total`), and what is missing
 * there to alert on.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name: `maintain_kubeusers_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge({ name: `maintain_kubeusers_${name}`, help, labelNames, registers });
  collectDefaultMetrics({ register: registry });
  const metrics = {
    registry,
    runSeconds: new Summary({
      name: 'maintain_kubeusers_run_seconds',
      help: 'Time spent on full passes, with all that they found to do',
      percentiles: [],
      registers,
    }),
    runFinished: gauge('run_finished', 'Timestamp when the last full pass finished'),
    created: counter('accounts_created_total', 'Accounts created', ['account_type']),
    renewed: counter('accounts_renewed_total', 'Accounts whose certificates were renewed', ['account_type']),
    disabled: counter('accounts_disabled_total', 'Accounts whose access was disabled', ['account_type']),
    removed: counter('accounts_removed_total', 'Accounts completely removed', ['account_type']),
    passSeconds: new Summary({
      name: 'maintain_kubeusers_pass_seconds',
      help: 'Time from asking the directory to knowing what is to be done',
      labelNames: ['kind'],
      percentiles: [],
      registers,
    }),
    actions: counter('actions_total', 'Actions performed', ['action', 'result']),
    errors: counter('errors_total', 'What went wrong, by where', ['source']),
    accounts: gauge('accounts', 'Accounts by status', ['account_type', 'status']),
    skipped: gauge('accounts_skipped', 'Directory entries that no account can be made of', ['reason']),
    problems: gauge('accounts_with_problems', 'Accounts that a person has to look after'),
    certificateExpiry: gauge(
      'certificate_expiry_timestamp_seconds',
      'When the first of all client certificates ends',
    ),
    directoryAnswer: gauge('ldap_answer_timestamp_seconds', 'When LDAP last answered in full'),
    massDeleteBlocked: gauge('mass_delete_blocked', 'Removals held back because there are too many'),
    leader: gauge('leader', 'Whether this instance is the one that acts'),
    apiRequests: counter('api_requests_total', 'Requests sent to the Kubernetes API', ['method']),
    fileOperations: gauge('file_operations', 'File operations in homes since the start'),
    waiting: gauge('actions_waiting', 'Actions waiting for a place'),
  };
  // A series that only appears with its first event cannot be alerted on.
  for (const account_type of ['tool', 'admin']) {
    for (const each of [metrics.created, metrics.renewed, metrics.disabled, metrics.removed]) {
      each.inc({ account_type }, 0);
    }
  }
  for (const action of ACTION_KINDS) {
    for (const result of ['done', 'failed']) metrics.actions.inc({ action, result }, 0);
  }
  for (const source of ERROR_SOURCES) metrics.errors.inc({ source }, 0);
  metrics.massDeleteBlocked.set(0);
  metrics.leader.set(0);
  // Zero would be a certificate that ended in 1970.
  metrics.certificateExpiry.remove();
  return metrics;
}

export type Metrics = ReturnType<typeof createMetrics>;
