import { Pool } from 'undici';
import type { Clock } from '../clock.ts';
import { interrupted, messageOf } from '../errors.ts';
import { errorFromResponse, KubeError } from './errors.ts';
import { DEFAULT_RETRY, retryAfterMs, withRetry, type Answered, type RetryPolicy } from './retry.ts';
import { pathOf, type KubeList, type KubeObject, type Resource, type WatchEvent } from './types.ts';

/** How to reach an API server: what a kubeconfig holds. */
export interface Credentials {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM */
  readonly ca: string;
  /** PEM; both undefined for an anonymous client */
  readonly certificate?: string;
  readonly key?: string;
}

export interface KubeClientOptions {
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Kept-alive connections at the most, and so requests under way at once. Default 16. */
  readonly connections?: number;
  readonly retry?: RetryPolicy;
  /** Told of each request that is tried again. */
  readonly onRetry?: (error: KubeError) => void;
  /** Told of each request as it is sent, every try of it and each WATCH: for those that count them. */
  readonly onRequest?: (method: string, path: string) => void;
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly contentType?: string;
  /** Another form of the answer than plain JSON: metadata only, a table, aggregated discovery. */
  readonly accept?: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly retry?: RetryPolicy;
  readonly timeoutMs?: number;
}

/** Which objects of a resource; all of them unless something is named. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** An empty list of metadata comes without items. */
type ListAnswer<T> = Omit<KubeList<T>, 'items'> & { readonly items: readonly T[] | null };

/** One field manager for everything that this project applies. */
export const FIELD_MANAGER = 'toolforge-local';

const REQUEST_TIMEOUT_MS = 60_000;
/** The form of a LIST whose items have nothing but their metadata. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
/** A LIST comes in pages of this many objects, so that neither side holds all of them at once. */
const PAGE_SIZE = 500;

/**
 * The Kubernetes API over one pool of kept-alive connections. Every method throws `KubeError` for an answer that is
 * not a success, after trying again what may go better (`lib/kube/retry.ts`), and `interrupted` when the signal
 * aborts. A seam: tests pass an object with the methods they need.
 */
export class KubeClient {
  readonly #pool: Pool;
  readonly #options: KubeClientOptions;
  readonly #closing = new AbortController();
  /** Aborts on the caller's signal and when the client is closed: nothing is tried again after either. */
  readonly #stop: AbortSignal;

  constructor(options: KubeClientOptions) {
    const { server, ca, certificate, key } = options.credentials;
    this.#options = options;
    this.#stop =
      options.signal === undefined
        ? this.#closing.signal
        : AbortSignal.any([options.signal, this.#closing.signal]);
    this.#pool = new Pool(server, {
      connections: options.connections ?? 16,
      pipelining: 1,
      allowH2: false, // with one request a connection it brings nothing, and costs a tenth more of the processor
      keepAliveTimeout: 30_000,
      headersTimeout: 0, // each request has a deadline of its own
      bodyTimeout: 0,
      connect: {
        ca,
        ...(certificate === undefined ? {} : { cert: certificate }),
        ...(key === undefined ? {} : { key }),
        timeout: 5_000,
      },
    });
  }

  /** Any request; the parsed JSON answer, or its text where the answer is not JSON. */
  async request<T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    options: RequestOptions = {},
  ): Promise<T> {
    const { clock, onRetry } = this.#options;
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    return withRetry<{ value: T }>(
      () => this.#attempt<T>(method, path + queryString(options.query), body, options),
      (value): value is Answered => 'error' in value,
      options.retry ?? this.#options.retry ?? DEFAULT_RETRY,
      clock,
      this.#stop,
      onRetry,
    ).then(({ value }) => value);
  }

  async #attempt<T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body: string | undefined,
    options: RequestOptions,
  ): Promise<{ value: T } | Answered> {
    const name = `${method} ${path.split('?')[0] ?? path}`;
    const { signal, release } = this.#deadline(options.timeoutMs ?? REQUEST_TIMEOUT_MS);
    this.#options.onRequest?.(method, path);
    try {
      const response = await this.#pool.request({
        method,
        path,
        signal,
        headers: {
          accept: options.accept ?? 'application/json',
          ...(body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
        // By itself undici ends the connection after a DELETE that has a body, and a new one costs both sides a handshake.
        reset: false,
      });
      const text = await response.body.text();
      if (response.statusCode < 300) {
        const json = String(response.headers['content-type']).startsWith('application/json');
        return { value: (json ? JSON.parse(text) : text) as T };
      }
      const header = response.headers['retry-after'];
      const after = retryAfterMs(typeof header === 'string' ? header : undefined, this.#options.clock.now());
      return {
        error: errorFromResponse(name, response.statusCode, text),
        ...(after === undefined ? {} : { retryAfterMs: after }),
      };
    } catch (error) {
      if (this.#stop.aborted) throw interrupted();
      return { error: new KubeError(name, 0, '', messageOf(error), error) };
    } finally {
      release();
    }
  }

  /** A signal for one request, taken back after it: `AbortSignal.timeout` would live on for its minute, with thousands like it. */
  #deadline(timeoutMs: number): { readonly signal: AbortSignal; readonly release: () => void } {
    const deadline = new AbortController();
    const abort = (): void => {
      deadline.abort(new Error(`no answer within ${timeoutMs / 1000} s`));
    };
    const timer = setTimeout(abort, timeoutMs);
    if (this.#stop.aborted) abort();
    this.#stop.addEventListener('abort', abort);
    return {
      signal: deadline.signal,
      release: () => {
        clearTimeout(timer);
        this.#stop.removeEventListener('abort', abort);
      },
    };
  }

  get<T extends KubeObject>(resource: Resource, name: string, namespace?: string): Promise<T> {
    return this.request<T>('GET', pathOf(resource, namespace, name));
  }

  create<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    return this.request<T>('POST', pathOf(resource, namespace), {
      body: object,
      query: { fieldManager: FIELD_MANAGER },
    });
  }

  /** Server-side apply: creates the object or brings the fields named in it to these values. */
  apply<T extends KubeObject>(resource: Resource, object: T, namespace?: string): Promise<T> {
    const name = object.metadata?.name ?? '';
    return this.request<T>('PATCH', pathOf(resource, namespace, name), {
      body: object,
      contentType: 'application/apply-patch+yaml',
      query: { fieldManager: FIELD_MANAGER, force: 'true' },
    });
  }

  delete(resource: Resource, name: string, namespace?: string): Promise<unknown> {
    return this.request('DELETE', pathOf(resource, namespace, name), {
      body: { propagationPolicy: 'Background' },
    });
  }

  /** One page of a LIST at a time, all namespaces unless one is named. */
  async *pages<T>(
    resource: Resource,
    options: Selection & { pageSize?: number; metadataOnly?: boolean } = {},
  ): AsyncGenerator<KubeList<T>> {
    let next: string | undefined;
    do {
      const page: ListAnswer<T> = await this.request('GET', pathOf(resource, options.namespace), {
        ...(options.metadataOnly === true ? { accept: METADATA_ONLY } : {}),
        query: { limit: options.pageSize ?? PAGE_SIZE, continue: next, ...selectors(options) },
      });
      yield { ...page, items: page.items ?? [] };
      next = page.metadata?.continue === '' ? undefined : page.metadata?.continue;
    } while (next !== undefined);
  }

  /** The whole of a LIST, read in pages. */
  async list<T>(resource: Resource, options: Selection = {}): Promise<T[]> {
    const items: T[] = [];
    for await (const page of this.pages<T>(resource, options)) items.push(...page.items);
    return items;
  }

  /**
   * The events of one WATCH request until the server ends it (it does after some minutes), the signal aborts, or
   * an error is thrown. Callers list, watch from the list's resourceVersion, and list again when it ends in 410.
   */
  async *watch<T>(
    resource: Resource,
    options: Selection & { resourceVersion: string; signal?: AbortSignal },
  ): AsyncGenerator<WatchEvent<T>> {
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      ...selectors(options),
    };
    const path = pathOf(resource, options.namespace);
    this.#options.onRequest?.('WATCH', path);
    const response = await this.#pool.request({
      method: 'GET',
      path: path + queryString(query),
      signal: options.signal === undefined ? this.#stop : AbortSignal.any([options.signal, this.#stop]),
    });
    if (response.statusCode !== 200) {
      throw errorFromResponse(`WATCH ${path}`, response.statusCode, await response.body.text());
    }
    let rest = '';
    response.body.setEncoding('utf8');
    for await (const chunk of response.body) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line !== '') yield JSON.parse(line) as WatchEvent<T>;
      }
    }
  }

  /** Closes the connections; requests under way are ended. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#pool.destroy();
  }
}

function selectors({ labelSelector, fieldSelector }: Selection) {
  return { labelSelector, fieldSelector };
}

function queryString(query: RequestOptions['query']): string {
  if (query === undefined) return '';
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(key, String(value));
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
