import type { KubeClient } from '../../../lib/kube/client.ts';
import { ifFound, isNotFound } from '../../../lib/kube/errors.ts';
import { replace } from '../../../lib/kube/replace.ts';
import { CONFIG_MAPS, NAMESPACES, type KubeObject } from '../../../lib/kube/types.ts';
import { namespaceOf, type Account, type AccountId } from '../accounts/account.ts';
import type { Action } from '../difference/difference.ts';
import type { ObservedAccount, ObservedState } from '../difference/observed.ts';
import { ALL_KINDS, kindsOf } from '../resources/index.ts';
import { definitionHash, type Applied, type Tools } from '../resources/kind.ts';
import { renderState, statePlace, type AccountState, type ResourceState, type Validity } from '../state.ts';

/** What came of an action that did not fail. */
export interface Performed {
  /** Resources that a person has to look after, with what is wrong. */
  readonly problems: readonly { readonly resource: string; readonly problem: string }[];
  readonly certificateIssued: boolean;
}

export interface PerformOptions {
  readonly tools: Tools & { readonly client: Pick<KubeClient, 'delete'> };
  /** Learns of every write from its answer, before any WATCH says so. */
  readonly observed: ObservedState;
  readonly now: () => number;
}

/**
 * Performs one account's action. Safe to repeat after a kill at any point: what was done is recorded last, and what is
 * not recorded is done again. When a resource fails, those before it are recorded, and the error is thrown.
 */
export async function performAction(action: Action, options: PerformOptions): Promise<Performed> {
  const { account, found } = action;
  if (action.kind === 'delete') return end(action.id, found, options);
  if (account === undefined) throw new Error(`${action.kind} without an account`);
  if (action.kind === 'disable') {
    await end(action.id, found, { ...options, keepRecord: true });
    return make(account, action, found?.disabled, options);
  }
  const performed = await make(account, action, found?.enabled, options);
  if (found?.disabled !== undefined) await deleteRecord(account, true, options);
  return performed;
}

/** Applies the action's resources in their order, and records what was applied. */
async function make(
  account: Account,
  action: Action,
  known: AccountState | undefined,
  options: PerformOptions,
): Promise<Performed> {
  const { tools, now } = options;
  const resources = new Map<string, ResourceState>(known?.resources ?? []);
  let { certificate } = known ?? {};
  let failure: { readonly error: unknown } | undefined;
  try {
    if (!account.disabled) await removeUnwanted(action, resources, tools);
    for (const kind of kindsOf(account, tools.settings)) {
      if (!action.apply.includes(kind.id)) continue;
      const expected = resources.has(kind.id) ? 'present' : 'absent';
      const applied = await kind.apply(account, tools, expected);
      resources.set(kind.id, record(definitionHash(kind, account, tools.settings), applied, now()));
      certificate = applied.certificate ?? certificate;
      if (applied.namespace !== undefined) options.observed.set('namespaces', applied.namespace);
    }
  } catch (error) {
    failure = { error };
  }
  const complete = failure === undefined || known?.complete === true;
  const { type, name, disabled } = account;
  const state: AccountState = { type, name, disabled, complete, resources, ...certificatePart(certificate) };
  // In a namespace that is full already, making it could be refused by the quota though it is there.
  const expected = known !== undefined || action.found?.namespace === 'active' ? 'present' : 'absent';
  if (failure === undefined) await writeState(account, state, expected, options);
  else {
    // What was made before is worth recording, but not another error on top of the first.
    if (resources.size > 0) await writeState(account, state, expected, options).catch(() => undefined);
    throw failure.error;
  }
  const problems = [...resources].flatMap(([resource, { problem }]) =>
    problem !== undefined && action.apply.includes(resource) ? [{ resource, problem }] : [],
  );
  return { problems, certificateIssued: certificate !== known?.certificate };
}

async function removeUnwanted(
  action: Action,
  resources: Map<string, ResourceState>,
  tools: Tools,
): Promise<void> {
  for (const id of action.remove) {
    // A kind that this version does not know was another version's to make; only its record goes.
    await ALL_KINDS.find((kind) => kind.id === id)?.remove?.(action.id, tools);
    resources.delete(id);
  }
}

function record(definition: string, { problem }: Applied, now: number): ResourceState {
  return problem === undefined ? { definition } : { definition, problem, triedAt: now };
}

function certificatePart(certificate: Validity | undefined): { certificate?: Validity } {
  return certificate === undefined ? {} : { certificate };
}

async function writeState(
  account: Account,
  state: AccountState,
  expected: 'absent' | 'present',
  { tools, observed }: PerformOptions,
): Promise<void> {
  const { namespace } = statePlace(state, state.disabled);
  const wanted = renderState(account, state);
  observed.set('states', await replace(tools.client, CONFIG_MAPS, wanted, namespace, expected));
}

/** Takes away access first, then the namespace with all that is in it. The home stays. */
async function end(
  id: AccountId,
  found: ObservedAccount | undefined,
  options: PerformOptions & { readonly keepRecord?: true },
): Promise<Performed> {
  const { tools } = options;
  const recorded = found?.enabled?.resources;
  const present = recorded !== undefined || found?.namespace === 'active';
  for (const kind of ALL_KINDS) {
    // Without a record anything may be there that such an account has; of other kinds the API may not even know.
    const possible = recorded === undefined ? kind.wanted(id, tools.settings) : recorded.has(kind.id);
    if (!present || kind.removeFirst !== true || !possible) continue;
    await kind.remove?.(id, tools);
  }
  if (id.type === 'tool') {
    if (found?.namespace === 'active') await deleteNamespace(namespaceOf(id.name), options);
  } else if (recorded !== undefined) await deleteRecord(id, false, options);
  if (found?.disabled !== undefined && options.keepRecord !== true) await deleteRecord(id, true, options);
  return { problems: [], certificateIssued: false };
}

async function deleteNamespace(name: string, { tools, observed }: PerformOptions): Promise<void> {
  try {
    // The answer is the namespace on its way out.
    observed.set('namespaces', (await tools.client.delete(NAMESPACES, name)) as KubeObject);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    observed.forget('namespaces', '', name);
  }
}

async function deleteRecord(
  id: AccountId,
  disabled: boolean,
  { tools, observed }: PerformOptions,
): Promise<void> {
  const { namespace, name } = statePlace(id, disabled);
  await ifFound(tools.client.delete(CONFIG_MAPS, name, namespace));
  observed.forget('states', namespace, name);
}
