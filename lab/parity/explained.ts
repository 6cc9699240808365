import { mapContainers, type Pod } from './pod.ts';

/** A difference that has to be: a row of docs/psp-parity.md, where its reason stands. */
export interface Explained {
  /** The row's first column. */
  readonly id: string;
  /** Whether the pod has what it is about. */
  applies(pod: Pod): boolean;
  /** The pod without that. A difference is explained only if it goes away with it. */
  without(pod: Pod): Pod;
}

export const EXPLAINED: readonly Explained[] = [
  {
    id: 'empty-groups',
    applies: (pod) => pod.spec.securityContext?.supplementalGroups?.length === 0,
    without(pod) {
      const securityContext = omit(pod.spec.securityContext ?? {}, 'supplementalGroups');
      return { ...pod, spec: { ...pod.spec, securityContext } };
    },
  },
  {
    id: 'proc-mount',
    applies: (pod) => JSON.stringify(pod.spec).includes('"procMount"'),
    without: (pod) =>
      mapContainers(pod, (container) => {
        if (container.securityContext?.procMount === undefined) return container;
        return { ...container, securityContext: omit(container.securityContext, 'procMount') };
      }),
  },
];

function omit(fields: object, name: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));
}
