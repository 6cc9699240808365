import type { KubeObject } from '../../lib/kube/types.ts';
import { keyOf, namespaceOf, toolOf, type Account, type AccountId } from './accounts/account.ts';

/** What is recorded of one resource of an account. */
export interface ResourceState {
  /** `<version> <hash>` of the definition that was applied (`resources/kind.ts`). */
  readonly definition: string;
  /** Made as far as it could be, but a person should look: `.kube/config is not YAML`. */
  readonly problem?: string;
  /** When it was last tried, where there is a problem. Milliseconds since the epoch. */
  readonly triedAt?: number;
}

/**
 * What is known of one account without looking at anything but its ConfigMap (TOOLFORGE.md 2.2): with it a pass needs
 * neither the file system nor the other objects.
 */
export interface AccountState extends AccountId {
  readonly disabled: boolean;
  /** Whether everything wanted was made at least once; false while its creation is under way or was cut short. */
  readonly complete: boolean;
  readonly resources: ReadonlyMap<string, ResourceState>;
  readonly certificate?: Validity;
}

/** When a client certificate is valid. Milliseconds since the epoch. */
export interface Validity {
  readonly from: number;
  readonly until: number;
}

/** Production's name, in the namespace of each tool. */
export const STATE_NAME = 'maintain-kubeusers';
/** Where the component itself lives, with the state of accounts that have no namespace: admins and disabled tools. */
export const OWN_NAMESPACE = 'maintain-kubeusers';
/** On everything that is made here: nothing without it is ever deleted. */
export const OWN_LABELS = { 'app.kubernetes.io/managed-by': 'maintain-kubeusers' } as const;
export const OWN_SELECTOR = 'app.kubernetes.io/managed-by=maintain-kubeusers';

const RESOURCE = 'resource.';
const PROBLEM = 'problem.';
const TRIED = 'tried.';

/** Where the state of an account is kept. */
export function statePlace(id: AccountId, disabled: boolean): { namespace: string; name: string } {
  return id.type === 'tool' && !disabled
    ? { namespace: namespaceOf(id.name), name: STATE_NAME }
    : { namespace: OWN_NAMESPACE, name: `${disabled ? 'disabled' : 'enabled'}.${id.type}.${id.name}` };
}

/** The ConfigMap that records a state, readable by a person too. */
export function renderState(account: Account, state: AccountState): KubeObject {
  const data: Record<string, string> = {
    account: keyOf(state),
    uid: String(account.uid),
    status: statusOf(state),
  };
  for (const [id, { definition, problem, triedAt }] of state.resources) {
    data[RESOURCE + id] = definition;
    if (problem !== undefined) data[PROBLEM + id] = problem;
    if (triedAt !== undefined) data[TRIED + id] = new Date(triedAt).toISOString();
  }
  if (state.certificate !== undefined) {
    data['certificate.valid-from'] = new Date(state.certificate.from).toISOString();
    data['certificate.valid-until'] = new Date(state.certificate.until).toISOString();
  }
  const { name, namespace } = statePlace(state, state.disabled);
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: OWN_LABELS }, data };
}

const READY = 'ready';

function statusOf({ disabled, complete }: AccountState): string {
  if (disabled) return 'disabled';
  return complete ? READY : 'incomplete';
}

/**
 * Reads a state back, or undefined where the ConfigMap is not one. A tool may write to the ConfigMaps of its namespace:
 * what cannot be understood counts as absent, and whose state it is follows from where it stands, not from what it says.
 */
export function parseState(object: KubeObject): AccountState | undefined {
  const { name = '', namespace = '' } = object.metadata ?? {};
  const place = placeOf(namespace, name);
  const data = object['data'];
  if (place === undefined || typeof data !== 'object' || data === null) return undefined;
  const values = data as Readonly<Record<string, unknown>>;
  const resources = new Map<string, ResourceState>();
  for (const [key, definition] of Object.entries(values)) {
    if (!key.startsWith(RESOURCE) || typeof definition !== 'string') continue;
    const id = key.slice(RESOURCE.length);
    const problem = values[PROBLEM + id];
    const triedAt = time(values[TRIED + id]);
    resources.set(id, {
      definition,
      ...(typeof problem === 'string' ? { problem } : {}),
      ...(triedAt === undefined ? {} : { triedAt }),
    });
  }
  const from = time(values['certificate.valid-from']);
  const until = time(values['certificate.valid-until']);
  return {
    ...place,
    complete: place.disabled || values['status'] === READY,
    resources,
    ...(from === undefined || until === undefined ? {} : { certificate: { from, until } }),
  };
}

function placeOf(namespace: string, name: string): (AccountId & { disabled: boolean }) | undefined {
  if (namespace !== OWN_NAMESPACE) {
    const tool = name === STATE_NAME ? toolOf(namespace) : undefined;
    return tool === undefined ? undefined : { type: 'tool', name: tool, disabled: false };
  }
  const match = /^(enabled|disabled)\.(tool|admin)\.([-a-z0-9]+)$/.exec(name);
  const [, status, type, account] = match ?? [];
  if (account === undefined || (type !== 'tool' && type !== 'admin')) return undefined;
  return { type, name: account, disabled: status === 'disabled' };
}

function time(value: unknown): number | undefined {
  const parsed = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(parsed) ? undefined : parsed;
}
