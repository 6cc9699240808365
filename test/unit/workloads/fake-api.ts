import { KubeError } from '../../../lib/kube/errors.ts';
import { pathOf, type KubeObject, type Resource } from '../../../lib/kube/types.ts';
import type { WorkloadClient } from '../../../components/workloads/session.ts';

/** An API server in memory, as far as the commands of tools talk to one. */
export class FakeApi implements WorkloadClient {
  readonly objects = new Map<string, KubeObject>();
  /** Methods and paths of what changed something, in order. */
  readonly changes: string[] = [];
  /** What controllers make of a new object. */
  status: (object: KubeObject) => object | undefined = () => undefined;
  /** Throws what the server answers instead. */
  refuse: (path: string) => void = () => undefined;

  get<T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T> {
    const path = pathOf(resource, namespace, name);
    const found = this.objects.get(path);
    return found === undefined
      ? Promise.reject(new KubeError(`GET ${path}`, 404, 'NotFound', 'not found'))
      : Promise.resolve(found as T);
  }

  list<T>(
    resource: Resource,
    { namespace, labelSelector = '' }: { namespace?: string; labelSelector?: string } = {},
  ) {
    const wanted = labelSelector.split(',').filter((part) => part !== '');
    const found = [...this.objects]
      .filter(([path]) => path.startsWith(`${pathOf(resource, namespace)}/`))
      .map(([, object]) => object)
      .filter(({ metadata }) =>
        wanted.every((part) => metadata?.labels?.[part.split('=')[0] ?? ''] === part.split('=')[1]),
      );
    return Promise.resolve(found as T[]);
  }

  apply<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    return this.#put('PATCH', resource, object, namespace);
  }

  create<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    return this.#put('POST', resource, object, namespace);
  }

  async delete(resource: Resource, name: string, namespace?: string): Promise<unknown> {
    await this.get(resource, name, namespace);
    this.changes.push(`DELETE ${resource.plural}/${name}`);
    return this.objects.delete(pathOf(resource, namespace, name));
  }

  async #put<T extends KubeObject>(
    how: string,
    resource: Resource,
    object: T,
    namespace?: string,
  ): Promise<T> {
    await Promise.resolve();
    const name = object.metadata?.name ?? '';
    const path = pathOf(resource, namespace, name);
    this.refuse(path);
    this.changes.push(`${how} ${resource.plural}/${name}`);
    this.objects.set(path, { ...object, status: this.status(object) });
    return object;
  }
}
