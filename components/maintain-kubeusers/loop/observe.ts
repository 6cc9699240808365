import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient, Selection } from '../../../lib/kube/client.ts';
import { follow } from '../../../lib/kube/follow.ts';
import { CONFIG_MAPS, NAMESPACES, type KubeObject, type Resource } from '../../../lib/kube/types.ts';
import { EVERYWHERE, OWN_PLACE, type ObservedState, type Part } from '../difference/observed.ts';
import { OWN_NAMESPACE, OWN_SELECTOR, STATE_NAME } from '../state.ts';

interface Source {
  readonly part: Part;
  readonly place: string;
  readonly resource: Resource;
  readonly selection: Selection;
}

/** Where the observed state comes from: namespaces made here, each tool's record, and the records in our own namespace. */
const SOURCES: readonly Source[] = [
  { part: 'namespaces', place: EVERYWHERE, resource: NAMESPACES, selection: { labelSelector: OWN_SELECTOR } },
  {
    part: 'states',
    place: EVERYWHERE,
    resource: CONFIG_MAPS,
    // By name, so that RBAC can confine us to ConfigMaps of that name.
    selection: { fieldSelector: `metadata.name=${STATE_NAME}` },
  },
  { part: 'states', place: OWN_PLACE, resource: CONFIG_MAPS, selection: { namespace: OWN_NAMESPACE } },
];

/** Fills the observed state from LISTs, in pages. */
export async function observeOnce(client: Pick<KubeClient, 'pages'>, observed: ObservedState): Promise<void> {
  await Promise.all(
    SOURCES.map(async ({ part, place, resource, selection }) => {
      const objects: KubeObject[] = [];
      for await (const page of client.pages<KubeObject>(resource, selection)) {
        objects.push(...page.items.map(slim));
      }
      observed.replace(part, place, objects);
    }),
  );
}

export interface ObserveOptions {
  readonly client: Pick<KubeClient, 'pages' | 'watch'>;
  readonly observed: ObservedState;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
  /** Told of each interruption of one of the views, by its name, and when it is whole again. */
  readonly onError: (view: string, error: unknown) => void;
  readonly onWhole: (view: string) => void;
  /** Told of every object of our own namespace, for those that look for others than records there. */
  readonly onOwnObject: (object: KubeObject, gone: boolean) => void;
}

/** Fills the observed state and keeps it up to date by WATCH. Fulfilled when it is filled. */
export async function observe(options: ObserveOptions): Promise<void> {
  const { client, observed, clock, signal, onChange, onError, onWhole, onOwnObject } = options;
  await Promise.all(
    SOURCES.map(({ part, place, resource, selection }) => {
      const view = `${part} ${place}`;
      /** The newest version that a LIST or a WATCH has shown. */
      let shown = 0;
      const following = follow({
        client,
        resource,
        selection,
        clock,
        signal,
        onError: (error) => {
          onError(view, error);
        },
        project: slim,
        replace(objects, listVersion) {
          // One that is older than what was shown before comes from a store that was taken back: what we know is void.
          const wentBack = Number(listVersion) < shown;
          shown = Number(listVersion);
          observed.replace(part, place, objects, wentBack ? undefined : listVersion);
          onWhole(view);
          if (place === OWN_PLACE) for (const object of objects) onOwnObject(object, false);
          onChange();
        },
        change({ type, object }) {
          shown = Math.max(shown, Number(object.metadata?.resourceVersion ?? 0));
          // The echo of a write of ours is no news.
          const news = type === 'DELETED' || observed.set(part, object);
          if (type === 'DELETED') observed.delete(part, object);
          if (place === OWN_PLACE) onOwnObject(object, type === 'DELETED');
          if (news) onChange();
        },
      });
      return following.listed;
    }),
  );
}

/** Objects of a LIST without what is not looked at: who manages which field is most of a ConfigMap. */
function slim({ metadata, data }: KubeObject): KubeObject {
  const { name, namespace, resourceVersion, deletionTimestamp } = metadata ?? {};
  return {
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    },
    ...(data === undefined ? {} : { data }),
  };
}
