import type { Clock } from '../clock.ts';
import type { KubeClient, Selection } from './client.ts';
import { isFatal } from './retry.ts';
import type { KubeObject, Resource, WatchEvent } from './types.ts';

export interface FollowOptions {
  readonly client: Pick<KubeClient, 'pages' | 'watch'>;
  readonly resource: Resource;
  readonly selection?: Selection;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** All objects of a LIST and its version, page by page into one list: at the start, and whenever the WATCH lost its place. */
  readonly replace: (objects: readonly KubeObject[], resourceVersion: string) => void;
  /** What a LIST keeps of each object until all pages are there. Default: all of it. */
  readonly project?: (object: KubeObject) => KubeObject;
  readonly change: (event: WatchEvent<KubeObject>) => void;
  /** Told of each interruption; following goes on after it. */
  readonly onError?: (error: unknown) => void;
}

/** Servers send a bookmark about every minute: a WATCH that is silent for longer is dead, whatever its socket says. */
const SILENCE_MS = 150_000;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/**
 * Keeps the caller informed of all objects of a resource: LIST, then WATCH from there, and both again after whatever goes
 * wrong, until the signal aborts. `listed` is fulfilled when the first LIST is in; `ended` after the signal.
 */
export function follow(options: FollowOptions): {
  readonly listed: Promise<void>;
  readonly ended: Promise<void>;
} {
  const { promise: listed, resolve, reject } = Promise.withResolvers<undefined>();
  listed.catch(() => undefined); // a caller that stops before the first LIST does not await it
  const ended = run(options, () => {
    resolve(undefined);
  }).finally(() => {
    reject(new Error('stopped before the first LIST'));
  });
  return { listed, ended };
}

async function run(options: FollowOptions, onListed: () => void): Promise<void> {
  const { clock, signal } = options;
  let pause = FIRST_PAUSE_MS;
  let resourceVersion: string | undefined;
  while (!signal.aborted) {
    try {
      if (resourceVersion === undefined) {
        resourceVersion = await list(options);
        onListed();
      }
      const seen = await watch(options, resourceVersion);
      resourceVersion = seen;
      pause = FIRST_PAUSE_MS;
      if (seen !== undefined) continue; // the server ended it after its time: go on from there
    } catch (error) {
      if (isStopped(signal) || isFatal(error)) return;
      options.onError?.(error);
      resourceVersion = undefined;
    }
    await clock.sleep(pause * (0.5 + Math.random() / 2), signal).catch(() => undefined);
    pause = Math.min(pause * 2, MAX_PAUSE_MS);
  }
}

async function list({ client, resource, selection, replace, project }: FollowOptions): Promise<string> {
  const objects: KubeObject[] = [];
  let resourceVersion = '';
  for await (const page of client.pages<KubeObject>(resource, selection)) {
    for (const item of page.items) objects.push(project?.(item) ?? item);
    resourceVersion = page.metadata?.resourceVersion ?? '';
  }
  replace(objects, resourceVersion);
  return resourceVersion;
}

/** Hands events over until the WATCH ends; where to go on, or undefined when only a new LIST helps. */
async function watch(options: FollowOptions, from: string): Promise<string | undefined> {
  const { client, resource, selection, change } = options;
  const silence = new AbortController();
  let timer = setTimeout(silence.abort.bind(silence), SILENCE_MS);
  let resourceVersion = from;
  try {
    const signal = AbortSignal.any([options.signal, silence.signal]);
    for await (const event of client.watch<KubeObject>(resource, { ...selection, resourceVersion, signal })) {
      clearTimeout(timer);
      timer = setTimeout(silence.abort.bind(silence), SILENCE_MS);
      if (event.type === 'ERROR') return undefined; // 410 Gone: the place is too old
      resourceVersion = event.object.metadata?.resourceVersion ?? resourceVersion;
      if (event.type !== 'BOOKMARK') change(event);
    }
    return resourceVersion;
  } finally {
    clearTimeout(timer);
  }
}

function isStopped(signal: AbortSignal): boolean {
  return signal.aborted;
}
