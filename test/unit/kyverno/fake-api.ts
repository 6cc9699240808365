import type { KubeClient, RequestOptions } from '../../../lib/kube/client.ts';
import { KubeError } from '../../../lib/kube/errors.ts';
import { pathOf, type KubeObject, type Resource } from '../../../lib/kube/types.ts';

/** An answer of the API server's that a test prepares: a value, an error, or what to do with the request. */
export type Answer = (method: string, path: string, options: RequestOptions) => unknown;

/** Stands in for the API server: keeps what is applied, notes every request, and can be told what to answer. */
export class FakeApi {
  readonly objects = new Map<string, KubeObject>();
  /** `APPLY /api/v1/…`, in order. */
  readonly requests: string[] = [];
  /** Asked first; undefined: the default answer. */
  answer: Answer = () => undefined;

  /** The methods that Kyverno's component uses. */
  get client(): KubeClient {
    const methods = {
      apply: (resource: Resource, object: KubeObject, namespace?: string) =>
        this.#ask('APPLY', pathOf(resource, namespace, object.metadata?.name), { body: object }, () => {
          this.objects.set(pathOf(resource, namespace, object.metadata?.name), object);
          return object;
        }),
      get: (resource: Resource, name: string, namespace?: string) =>
        this.#ask('GET', pathOf(resource, namespace, name), {}, () =>
          this.#object(pathOf(resource, namespace, name)),
        ),
      delete: (resource: Resource, name: string, namespace?: string) =>
        this.#ask('DELETE', pathOf(resource, namespace, name), {}, () => {
          this.#object(pathOf(resource, namespace, name));
          this.objects.delete(pathOf(resource, namespace, name));
        }),
      list: (resource: Resource) => this.#ask('LIST', pathOf(resource), {}, () => []),
      request: (method: string, path: string, options: RequestOptions = {}) =>
        this.#ask(method, path, options, () => this.#collection(path)),
    };
    return methods as unknown as KubeClient;
  }

  async #ask(
    method: string,
    path: string,
    options: RequestOptions,
    otherwise: () => unknown,
  ): Promise<unknown> {
    this.requests.push(`${method} ${path}`);
    await Promise.resolve();
    return this.answer(method, path, options) ?? otherwise();
  }

  #object(path: string): KubeObject {
    const found = this.objects.get(path);
    if (found === undefined) throw new KubeError(`GET ${path}`, 404, 'NotFound', `${path} not found`);
    return found;
  }

  /** Null where there is none, as the API server answers for metadata only. */
  #collection(path: string): { items: KubeObject[] | null } {
    const items = [...this.objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, object]) => object);
    return { items: items.length === 0 ? null : items };
  }
}
