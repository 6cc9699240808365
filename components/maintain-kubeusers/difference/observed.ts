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

/** What an object says about its account; undefined for an object that says nothing. */
type Said = { readonly id: AccountId } & (
  | { readonly namespace: NamespacePhase }
  | { readonly enabled: AccountState }
  | { readonly disabled: AccountState }
);

interface Kept {
  readonly version: number;
  readonly said: Said | undefined;
}

export type Part = 'namespaces' | 'states';

/** One LIST covers all namespaces, another only our own: a place says which. */
export const EVERYWHERE = 'everywhere';
export const OWN_PLACE = 'own';

/**
 * The observed state: filled from LISTs, kept up to date by WATCH events and by the answers to our own writes, whichever
 * comes first. Only what the difference needs is kept of each object.
 */
export class ObservedState {
  readonly #kept: Readonly<Record<Part, Map<string, Kept>>> = { namespaces: new Map(), states: new Map() };
  readonly #accounts = new Map<string, ObservedAccount>();

  /** By account. Follows every change. */
  get accounts(): Observed {
    return this.#accounts;
  }

  /** The whole of a LIST: what is not in it is gone. */
  replace(part: Part, place: string, objects: readonly KubeObject[]): void {
    const kept = this.#kept[part];
    const listed = new Map(objects.map((object) => [nameOf(object), object]));
    for (const name of kept.keys()) {
      if (placeOf(name) === place && !listed.has(name)) this.#drop(part, name);
    }
    for (const [name, object] of listed) this.#keep(part, name, object);
  }

  /**
   * An object as an event, or the answer to a write, shows it. One that is not newer than what we know changes nothing.
   * @returns whether it was news
   */
  set(part: Part, object: KubeObject): boolean {
    const name = nameOf(object);
    const known = this.#kept[part].get(name);
    if (known !== undefined && known.version >= versionOf(object)) return false;
    this.#keep(part, name, object);
    return true;
  }

  /** The object is gone, as an event says; `object` is its last version. */
  delete(part: Part, object: KubeObject): void {
    const name = nameOf(object);
    const known = this.#kept[part].get(name);
    if (known !== undefined && known.version <= versionOf(object)) this.#drop(part, name);
  }

  /** The object is gone, as the answer to its deletion says. */
  forget(part: Part, namespace: string, name: string): void {
    this.#drop(part, nameOf({ metadata: { namespace, name } }));
  }

  #keep(part: Part, name: string, object: KubeObject): void {
    this.#drop(part, name);
    const said = part === 'states' ? saidByState(object) : saidByNamespace(object);
    this.#kept[part].set(name, { version: versionOf(object), said });
    if (said === undefined) return;
    const key = keyOf(said.id);
    this.#accounts.set(key, { ...this.#accounts.get(key), ...said });
  }

  #drop(part: Part, name: string): void {
    const said = this.#kept[part].get(name)?.said;
    this.#kept[part].delete(name);
    if (said === undefined) return;
    const key = keyOf(said.id);
    const left: Record<string, unknown> = { ...this.#accounts.get(key) };
    const { id, ...parts } = said;
    for (const field of Object.keys(parts)) Reflect.deleteProperty(left, field);
    if (Object.keys(left).length === 1) this.#accounts.delete(key);
    else this.#accounts.set(key, { ...left, id });
  }
}

function saidByState(object: KubeObject): Said | undefined {
  const state = parseState(object);
  if (state === undefined) return undefined;
  const id = { type: state.type, name: state.name };
  return state.disabled ? { id, disabled: state } : { id, enabled: state };
}

function saidByNamespace({ metadata }: KubeObject): Said | undefined {
  const tool = toolOf(metadata?.name ?? '');
  if (tool === undefined) return undefined;
  const terminating = metadata?.deletionTimestamp !== undefined;
  return { id: { type: 'tool', name: tool }, namespace: terminating ? 'terminating' : 'active' };
}

function nameOf({ metadata }: KubeObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

function placeOf(name: string): string {
  return name.startsWith(`${OWN_NAMESPACE}/`) ? OWN_PLACE : EVERYWHERE;
}

/** Resource versions are numbers that grow, in every Kubernetes that keeps its objects in etcd. */
function versionOf({ metadata }: KubeObject): number {
  return Number(metadata?.resourceVersion ?? 0);
}
