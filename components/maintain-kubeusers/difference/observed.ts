import type { KubeObject } from '../../../lib/kube/types.ts';
import { keyOf, namespaceOf, toolOf, type AccountId } from '../accounts/account.ts';
import { OWN_NAMESPACE, parseState, statePlace, type AccountState } from '../state.ts';

export type NamespacePhase = 'active' | 'terminating';

/** What there is of one account, from its ConfigMaps and its namespace alone. */
export interface ObservedAccount {
  readonly id: AccountId;
  /** Absent for admins, and where there is none. */
  readonly namespace?: NamespacePhase;
  /** What was recorded of it while it was enabled; it ends with the tool's namespace. */
  readonly enabled?: AccountState;
  /** That it was disabled, and what was done for it. */
  readonly disabled?: AccountState;
}

/** By `keyOf`. */
export type Observed = ReadonlyMap<string, ObservedAccount>;

interface Kept {
  readonly version: number;
  readonly namespace?: { readonly tool: string; readonly phase: NamespacePhase };
  readonly state?: AccountState;
}

export type Part = 'namespaces' | 'states';

/**
 * The observed state: filled from LISTs, kept up to date by WATCH events and by the answers to our own writes, whichever
 * comes first. Only what the difference needs is kept of each object.
 */
export class ObservedState {
  readonly #kept: Readonly<Record<Part, Map<string, Kept>>> = { namespaces: new Map(), states: new Map() };
  /** An account's entry is another object whenever something of it changed. */
  readonly #accounts = new Map<string, ObservedAccount>();

  /**
   * The whole of a LIST: what is not in it is gone. What is newer than the LIST stays, for the answer to a write may
   * overtake it; the WATCH that goes on from the LIST tells the rest, deletions too.
   * @param resourceVersion of the LIST; absent: nothing can be newer
   */
  replace(part: Part, place: string, objects: readonly KubeObject[], resourceVersion?: string): void {
    const kept = this.#kept[part];
    const listVersion = resourceVersion === undefined ? Number.POSITIVE_INFINITY : Number(resourceVersion);
    const isNewer = (name: string): boolean => (kept.get(name)?.version ?? 0) > listVersion;
    const listed = new Map(objects.map((object) => [nameOf(object), keep(part, object)]));
    for (const name of kept.keys()) {
      if (placeOf(name) === place && !listed.has(name) && !isNewer(name)) this.#keep(part, name, undefined);
    }
    for (const [name, entry] of listed) if (!isNewer(name)) this.#keep(part, name, entry);
  }

  /**
   * An object as an event, or the answer to a write, shows it. One that is not newer than what we know changes nothing.
   * @returns whether it was news
   */
  set(part: Part, object: KubeObject): boolean {
    const name = nameOf(object);
    const entry = keep(part, object);
    const known = this.#kept[part].get(name);
    if (known !== undefined && known.version >= entry.version) return false;
    this.#keep(part, name, entry);
    return true;
  }

  /** The object is gone, as an event says; `object` is its last version. */
  delete(part: Part, object: KubeObject): void {
    const name = nameOf(object);
    const known = this.#kept[part].get(name);
    if (known !== undefined && known.version <= versionOf(object)) this.#keep(part, name, undefined);
  }

  /** The object is gone, as the answer to its deletion says. */
  forget(part: Part, namespace: string, name: string): void {
    this.#keep(part, nameOf({ metadata: { namespace, name } }), undefined);
  }

  /** By account. */
  accounts(): Observed {
    return this.#accounts;
  }

  #keep(part: Part, name: string, entry: Kept | undefined): void {
    const kept = this.#kept[part];
    const before = kept.get(name);
    if (entry === undefined) kept.delete(name);
    else kept.set(name, entry);
    // Whose it is follows from the object's name, so both say the same.
    const id = idOf(entry) ?? idOf(before);
    if (id !== undefined) this.#refresh(id);
  }

  /** Puts an account's entry together from what is kept of it. */
  #refresh(id: AccountId): void {
    const state = (disabled: boolean): AccountState | undefined =>
      this.#kept.states.get(nameOf({ metadata: statePlace(id, disabled) }))?.state;
    const [enabled, disabled] = [state(false), state(true)];
    const namespace =
      id.type === 'tool' ? this.#kept.namespaces.get(`/${namespaceOf(id.name)}`)?.namespace : undefined;
    if ((enabled ?? disabled ?? namespace) === undefined) {
      this.#accounts.delete(keyOf(id));
      return;
    }
    this.#accounts.set(keyOf(id), {
      id: { type: id.type, name: id.name },
      ...(namespace === undefined ? {} : { namespace: namespace.phase }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(disabled === undefined ? {} : { disabled }),
    });
  }
}

function idOf(kept: Kept | undefined): AccountId | undefined {
  if (kept?.namespace !== undefined) return { type: 'tool', name: kept.namespace.tool };
  return kept?.state;
}

/** One LIST covers all namespaces, another only our own: a place says which. */
export const EVERYWHERE = 'everywhere';
export const OWN_PLACE = 'own';

function nameOf({ metadata }: KubeObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}
function placeOf(name: string): string {
  return name.startsWith(`${OWN_NAMESPACE}/`) ? OWN_PLACE : EVERYWHERE;
}

function keep(part: Part, object: KubeObject): Kept {
  const version = versionOf(object);
  if (part === 'states') {
    const state = parseState(object);
    return state === undefined ? { version } : { version, state };
  }
  const tool = toolOf(object.metadata?.name ?? '');
  if (tool === undefined) return { version };
  const terminating = object.metadata?.deletionTimestamp !== undefined;
  return { version, namespace: { tool, phase: terminating ? 'terminating' : 'active' } };
}

/** Resource versions are numbers that grow, in every Kubernetes that keeps its objects in etcd. */
function versionOf({ metadata }: KubeObject): number {
  return Number(metadata?.resourceVersion ?? 0);
}
