import { KubeError } from '../../../../lib/kube/errors.ts';
import {
  pathOf,
  POLICIES,
  type KubeList,
  type KubeObject,
  type Resource,
} from '../../../../lib/kube/types.ts';

type Labels = Readonly<Record<string, string>>;

/**
 * An API server in memory, as far as seeding talks to one. New namespaces get what controllers put into them, deleted
 * ones are terminating until they are finalized or `runNamespaceController` is called.
 */
export class FakeApi {
  readonly objects = new Map<string, KubeObject>();
  /** `POST /api/v1/namespaces`, in order. */
  readonly requests: string[] = [];
  /** Asked before each request: throws what the server should answer instead. */
  before: (request: string, body: unknown) => void = () => undefined;
  /** Called after a request did its work: throws to have its answer lost. */
  after: (request: string) => void = () => undefined;
  #version = 0;

  async create<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    return this.request('POST', pathOf(resource, namespace), { body: object });
  }

  async get<T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T> {
    return this.request('GET', pathOf(resource, namespace, name));
  }

  async delete(resource: Resource, name: string, namespace?: string): Promise<unknown> {
    return this.request('DELETE', pathOf(resource, namespace, name));
  }

  /** Server-side apply: of Kyverno's own note of its health alone. */
  apply<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    const path = pathOf(resource, namespace, object.metadata?.name);
    this.requests.push(`APPLY ${path}`);
    this.objects.set(path, object);
    return Promise.resolve(object);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async request<T>(method: string, path: string, options: { body?: unknown } = {}): Promise<T> {
    await Promise.resolve();
    this.requests.push(`${method} ${path}`);
    this.before(`${method} ${path}`, options.body);
    const answer = this.#answer(method, path, options.body as KubeObject);
    this.after(`${method} ${path}`);
    return answer as T;
  }

  async *pages<T>(
    resource: Resource,
    { labelSelector, metadataOnly }: { labelSelector?: string; metadataOnly?: boolean } = {},
  ): AsyncGenerator<KubeList<T>> {
    await Promise.resolve();
    this.requests.push(`LIST ${pathOf(resource)}`);
    const [label, value] = labelSelector?.split('=') ?? [];
    const items = [...this.objects]
      .filter(([path]) => path.split('/').at(-2) === resource.plural)
      .map(([, object]) => object)
      .filter(({ metadata }) => label === undefined || metadata?.labels?.[label] === value)
      .map((object) => (metadataOnly === true ? { metadata: object.metadata } : object));
    yield { items: items.slice(0, 2) as T[] };
    yield { items: items.slice(2) as T[] };
  }

  /** Puts something there that nobody asked for. */
  put(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    labels: Labels,
    rest: object = {},
  ): void {
    const path = pathOf(resource, namespace, name);
    this.#store(path, {
      ...rest,
      metadata: { name, labels, ...(namespace === undefined ? {} : { namespace }) },
    });
  }

  /** Takes terminating namespaces away with all that is in them. */
  runNamespaceController(): void {
    for (const [path, { metadata }] of this.objects) {
      if (metadata?.deletionTimestamp !== undefined) this.#removeTree(path);
    }
  }

  names(plural: string): string[] {
    return [...this.objects.keys()].filter((path) => path.split('/').at(-2) === plural).sort();
  }

  #answer(method: string, path: string, body: KubeObject): unknown {
    if (path === '/apis') return { groups: [{ preferredVersion: { groupVersion: 'kyverno.io/v1' } }] };
    if (path === '/api/v1') return { resources: RESOURCES };
    if (path === '/apis/kyverno.io/v1') return { resources: [{ ...RESOURCES[0], name: POLICIES.plural }] };
    if (path.endsWith('/finalize')) return this.#finalize(path.replace(/\/finalize$/, ''));
    switch (method) {
      case 'POST':
        return this.#post(path, body);
      case 'PATCH':
        return this.#store(path, merge(this.#found(path), body) as KubeObject);
      case 'DELETE':
        return this.#delete(path, body as { preconditions?: { uid?: string } } | undefined);
      default:
        return this.#found(path);
    }
  }

  #post(collection: string, object: KubeObject): KubeObject {
    const path = `${collection}/${object.metadata?.name ?? ''}`;
    if (this.objects.has(path)) throw new KubeError('POST', 409, 'AlreadyExists', `${path} already exists`);
    const home = /^(.*)\/namespaces\/([^/]+)\//.exec(path)?.[2];
    if (home !== undefined) {
      const namespace = this.#found(`/api/v1/namespaces/${home}`);
      if (namespace.metadata?.deletionTimestamp !== undefined) {
        throw new KubeError('POST', 403, 'Forbidden', `namespace ${home} is being terminated`);
      }
      return this.#store(path, { ...object, metadata: { ...object.metadata, namespace: home } });
    }
    const stored = this.#store(path, { ...object, spec: { finalizers: ['kubernetes'] } });
    for (const [plural, name] of [
      ['configmaps', 'kube-root-ca.crt'],
      ['serviceaccounts', 'default'],
    ]) {
      this.#store(`${path}/${plural ?? ''}/${name ?? ''}`, {
        metadata: { name: name ?? '', namespace: object.metadata?.name ?? '' },
      });
    }
    return stored;
  }

  #delete(path: string, body: { preconditions?: { uid?: string } } | undefined): KubeObject {
    const found = this.#found(path);
    if (body?.preconditions?.uid !== undefined && body.preconditions.uid !== found.metadata?.uid) {
      throw new KubeError('DELETE', 409, 'Conflict', 'Precondition failed: UID in precondition');
    }
    if (!/^\/api\/v1\/namespaces\/[^/]+$/.test(path)) {
      this.objects.delete(path);
      return found;
    }
    return this.#store(path, { ...found, metadata: { ...found.metadata, deletionTimestamp: 'now' } });
  }

  #finalize(path: string): KubeObject {
    const found = this.#found(path);
    if (found.metadata?.deletionTimestamp !== undefined) this.objects.delete(path);
    return found;
  }

  #removeTree(root: string): void {
    for (const path of [...this.objects.keys()]) {
      if (path === root || path.includes(`/namespaces/${root.split('/').at(-1) ?? ''}/`))
        this.objects.delete(path);
    }
  }

  #found(path: string): KubeObject {
    const found = this.objects.get(path);
    if (found === undefined) throw new KubeError('GET', 404, 'NotFound', `${path} not found`);
    return found;
  }

  #store(path: string, object: KubeObject): KubeObject {
    this.#version += 1;
    const uid = this.objects.get(path)?.metadata?.uid ?? `uid-${this.#version}`;
    const stored = {
      ...object,
      metadata: { ...object.metadata, uid, resourceVersion: String(this.#version) },
    };
    this.objects.set(path, stored);
    return stored;
  }
}

const RESOURCES = ['configmaps', 'serviceaccounts', 'pods'].map((name) => ({
  name,
  namespaced: true,
  verbs: ['list', 'delete'],
}));

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged = new Map(Object.entries(target ?? {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, merge(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}
