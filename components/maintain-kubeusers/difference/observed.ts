import type { KubeObject } from '../../../lib/kube/types.ts';
import { keyOf, toolOf, type AccountId } from '../accounts/account.ts';
import { OWN_NAMESPACE, parseState, type AccountState } from '../state.ts';

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

  /** The whole of a LIST: what is not in it is gone. */
  replace(part: Part, place: string, objects: readonly KubeObject[]): void {
    const kept = this.#kept[part];
    const listed = new Map(objects.map((object) => [nameOf(object), keep(part, object)]));
    for (const name of kept.keys()) {
      if (placeOf(name) === place && !listed.has(name)) kept.delete(name);
    }
    for (const [name, entry] of listed) kept.set(name, entry);
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
    this.#kept[part].set(name, entry);
    return true;
  }

  /** The object is gone, as an event says; `object` is its last version. */
  delete(part: Part, object: KubeObject): void {
    const name = nameOf(object);
    const known = this.#kept[part].get(name);
    if (known !== undefined && known.version <= versionOf(object)) this.#kept[part].delete(name);
  }

  /** The object is gone, as the answer to its deletion says. */
  forget(part: Part, namespace: string, name: string): void {
    this.#kept[part].delete(nameOf({ metadata: { namespace, name } }));
  }

  /** By account. */
  accounts(): Observed {
    const accounts = new Map<string, { -readonly [K in keyof ObservedAccount]: ObservedAccount[K] }>();
    const accountOf = (id: AccountId) => {
      const key = keyOf(id);
      const known = accounts.get(key) ?? { id: { type: id.type, name: id.name } };
      accounts.set(key, known);
      return known;
    };
    for (const { namespace } of this.#kept.namespaces.values()) {
      if (namespace !== undefined)
        accountOf({ type: 'tool', name: namespace.tool }).namespace = namespace.phase;
    }
    for (const { state } of this.#kept.states.values()) {
      if (state !== undefined) accountOf(state)[state.disabled ? 'disabled' : 'enabled'] = state;
    }
    return accounts;
  }
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
