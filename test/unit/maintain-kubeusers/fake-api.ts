import { KubeError } from '../../../lib/kube/errors.ts';
import {
  pathOf,
  type KubeList,
  type KubeObject,
  type Resource,
  type WatchEvent,
} from '../../../lib/kube/types.ts';
import type { Selection } from '../../../lib/kube/client.ts';

interface Watcher {
  readonly path: string;
  readonly selection: Selection;
  readonly events: WatchEvent<KubeObject>[];
  wake: () => void;
}

/**
 * An API server in memory, as far as the loop talks to one: namespaces that hold what is in them, versions that grow,
 * pages, and watches. It can refuse, and it can be told to fail at a certain request.
 */
export class FakeApi {
  readonly objects = new Map<string, KubeObject>();
  readonly requests: string[] = [];
  /** Called before each request; throws to have it fail. */
  before: (request: string) => void = () => undefined;
  /** Deleted namespaces stay as terminating until `finishNamespaces`. */
  slowNamespaces = false;
  #version = 0;
  readonly #appliedData = new Map<string, ReadonlySet<string>>();
  #watchers = new Set<Watcher>();

  #count(method: string, path: string): void {
    this.requests.push(`${method} ${path}`);
    this.before(`${method} ${path}`);
  }

  async get<T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T> {
    return this.request('GET', pathOf(resource, namespace, name));
  }

  async create<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    const path = pathOf(resource, namespace, object.metadata?.name ?? '');
    this.#count('POST', pathOf(resource, namespace));
    if (this.objects.has(path)) throw new KubeError('POST', 409, 'AlreadyExists', `${path} already exists`);
    return Promise.resolve(this.#put(path, object, namespace) as T);
  }

  async apply<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    const path = pathOf(resource, namespace, object.metadata?.name ?? '');
    this.#count('PATCH', path);
    const foreign = this.#foreignData(path);
    const merged = foreign === undefined ? object : { ...object, data: { ...foreign, ...dataOf(object) } };
    const stored = this.#put(path, merged, namespace) as T;
    this.#appliedData.set(path, new Set(Object.keys(dataOf(object))));
    return Promise.resolve(stored);
  }

  /** Keys of a ConfigMap that somebody else set, which server-side apply leaves alone. */
  #foreignData(path: string): Record<string, string> | undefined {
    const known = this.objects.get(path);
    const applied = this.#appliedData.get(path);
    if (known === undefined || applied === undefined) return undefined;
    const foreign = Object.entries(dataOf(known)).filter(([key]) => !applied.has(key));
    return foreign.length === 0 ? undefined : Object.fromEntries(foreign);
  }

  async delete(resource: Resource, name: string, namespace?: string): Promise<unknown> {
    const path = pathOf(resource, namespace, name);
    this.#count('DELETE', path);
    const found = this.#found(path);
    if (resource.plural !== 'namespaces') return Promise.resolve(this.#remove(path, found));
    const terminating = this.#put(path, {
      ...found,
      metadata: { ...found.metadata, deletionTimestamp: new Date(0).toISOString() },
    });
    if (!this.slowNamespaces) this.finishNamespaces();
    return Promise.resolve(terminating);
  }

  async request<T>(method: string, path: string, options: { body?: unknown } = {}): Promise<T> {
    this.#count(method, path);
    const found = this.objects.get(path);
    if (method === 'GET') return Promise.resolve(this.#found(path) as T);
    const body = options.body as KubeObject;
    if (method === 'PATCH') {
      const merged = Object.entries({ ...dataOf(this.#found(path)), ...dataOf(body) });
      const data = Object.fromEntries(merged.filter(([, value]) => (value as string | null) !== null));
      return Promise.resolve(this.#put(path, { ...this.#found(path), data }) as T);
    }
    if (method === 'POST') {
      const full = `${path}/${body.metadata?.name ?? ''}`;
      if (this.objects.has(full)) throw new KubeError('POST', 409, 'AlreadyExists', 'already exists');
      return Promise.resolve(this.#put(full, body) as T);
    }
    if (found === undefined) this.#found(path);
    const given = body.metadata?.resourceVersion;
    if (given !== undefined && given !== found?.metadata?.resourceVersion) {
      throw new KubeError(method, 409, 'Conflict', 'the object has been modified');
    }
    if (JSON.stringify(found?.['roleRef']) !== JSON.stringify(body['roleRef'])) {
      throw new KubeError(method, 422, 'Invalid', `${path} is invalid: roleRef: cannot change roleRef`);
    }
    return Promise.resolve(this.#put(path, body) as T);
  }

  async *pages<T>(
    resource: Resource,
    selection: Selection & { pageSize?: number } = {},
  ): AsyncGenerator<KubeList<T>> {
    const all = [...this.objects]
      .filter(([path]) => isIn(path, resource, selection))
      .map(([, object]) => object);
    const items = all.filter((object) => matches(object, selection)) as T[];
    const size = selection.pageSize ?? 500;
    for (let from = 0; from === 0 || from < items.length; from += size) {
      this.#count('GET', pathOf(resource, selection.namespace));
      yield await Promise.resolve({
        items: items.slice(from, from + size),
        metadata: { resourceVersion: String(this.#version) },
      });
    }
  }

  async *watch<T>(
    resource: Resource,
    options: Selection & { resourceVersion: string; signal?: AbortSignal },
  ): AsyncGenerator<WatchEvent<T>> {
    this.#count('WATCH', pathOf(resource, options.namespace));
    const watcher: Watcher = {
      path: resource.plural,
      selection: options,
      events: [],
      wake: () => undefined,
    };
    this.#watchers.add(watcher);
    options.signal?.addEventListener('abort', () => {
      watcher.wake();
    });
    try {
      while (options.signal?.aborted !== true) {
        const event = watcher.events.shift();
        if (event === undefined) await new Promise<void>((resolve) => (watcher.wake = resolve));
        else yield event as WatchEvent<T>;
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  /** What the namespace controller does: takes terminating namespaces away, with all that is in them. */
  finishNamespaces(): void {
    for (const [path, object] of [...this.objects]) {
      if (object.metadata?.deletionTimestamp === undefined) continue;
      const inside = `/namespaces/${object.metadata.name ?? ''}/`;
      for (const [other, content] of [...this.objects])
        if (other.includes(inside)) this.#remove(other, content);
      this.#remove(path, object);
    }
  }

  /** Objects by path, without what the server adds. */
  names(): string[] {
    return [...this.objects.keys()].sort();
  }

  #found(path: string): KubeObject {
    const found = this.objects.get(path);
    if (found === undefined) throw new KubeError('GET', 404, 'NotFound', `${path} not found`);
    return found;
  }

  #put(path: string, object: KubeObject, namespace?: string): KubeObject {
    if (namespace !== undefined) {
      const home = this.objects.get(`/api/v1/namespaces/${namespace}`);
      const gone = home?.metadata?.deletionTimestamp !== undefined && !this.objects.has(path);
      if (home === undefined) throw new KubeError('PUT', 404, 'NotFound', `namespace ${namespace} not found`);
      if (gone) throw new KubeError('PUT', 403, 'Forbidden', `namespace ${namespace} is being terminated`);
    }
    const known = this.objects.get(path);
    this.#version += 1;
    const stored: KubeObject = {
      ...object,
      metadata: {
        ...(namespace === undefined ? {} : { namespace }),
        ...object.metadata,
        uid: known?.metadata?.uid ?? `uid-${this.#version}`,
        resourceVersion: String(this.#version),
      },
    };
    this.objects.set(path, stored);
    this.#tell(known === undefined ? 'ADDED' : 'MODIFIED', path, stored);
    return stored;
  }

  #remove(path: string, object: KubeObject): KubeObject {
    this.objects.delete(path);
    this.#version += 1;
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.#tell('DELETED', path, last);
    return last;
  }

  #tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', path: string, object: KubeObject): void {
    for (const watcher of this.#watchers) {
      const [plural] = path.split('/').slice(-2);
      if (plural !== watcher.path || !matches(object, watcher.selection)) continue;
      const { namespace } = watcher.selection;
      if (namespace !== undefined && object.metadata?.namespace !== namespace) continue;
      watcher.events.push({ type, object });
      watcher.wake();
    }
  }
}

function dataOf(object: KubeObject): Record<string, string> {
  return (object['data'] as Record<string, string> | undefined) ?? {};
}

function isIn(path: string, resource: Resource, { namespace }: Selection): boolean {
  const parts = path.split('/');
  if (parts.at(-2) !== resource.plural) return false;
  return namespace === undefined || path.includes(`/namespaces/${namespace}/`);
}

function matches({ metadata }: KubeObject, { labelSelector, fieldSelector }: Selection): boolean {
  const [label, value] = labelSelector?.split('=') ?? [];
  if (label !== undefined && metadata?.labels?.[label] !== value) return false;
  const [field, wanted] = fieldSelector?.split('=') ?? [];
  return field === undefined || (field === 'metadata.name' && metadata?.name === wanted);
}
