import type { KubeClient } from '../../lib/kube/client.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import { pathOf, POLICIES } from '../../lib/kube/types.ts';

/** How many of the policies that were looked at Kyverno acts on when a pod comes. */
export interface TakenUp {
  readonly ready: number;
  readonly all: number;
}

/** Enough to tell a share by: statuses are written in no order. The API server takes a millisecond over each. */
export const SAMPLE = 200;
const PAGE_SIZE = 500;

/** What `kubectl get` is sent: a few words of each policy, where the policies themselves are 5 KB each. */
const TABLE = 'application/json;as=Table;g=meta.k8s.io;v=v1';

interface Table {
  readonly metadata?: { readonly continue?: string };
  /** Pages after the first come without. */
  readonly columnDefinitions?: readonly { readonly name: string }[];
  readonly rows?: readonly { readonly cells: readonly unknown[] }[] | null;
}

/**
 * Counts the policies whose status says Ready. Kyverno takes a policy up when it has written that, one after the other: for
 * thousands a matter of minutes, and before 1.13 of a quarter of an hour and more.
 * @param most looks at so many at the most
 */
export async function policiesTakenUp(
  client: Pick<KubeClient, 'request'>,
  most = Number.POSITIVE_INFINITY,
): Promise<TakenUp> {
  let [ready, all] = [0, 0];
  let column = -1;
  let next: string | undefined;
  do {
    const query = { limit: Math.min(most, PAGE_SIZE), continue: next, includeObject: 'None' };
    const page = await ifFound(client.request<Table>('GET', pathOf(POLICIES), { accept: TABLE, query }));
    if (page === undefined) break; // Kyverno is not installed
    column = page.columnDefinitions?.findIndex(({ name }) => name.toLowerCase() === 'ready') ?? column;
    const rows = page.rows ?? [];
    all += rows.length;
    ready += rows.filter(({ cells }) => cells[column] === 'True').length;
    next = page.metadata?.continue === '' ? undefined : page.metadata?.continue;
  } while (next !== undefined && all < most);
  return { ready, all };
}

/** For people: `40 %` */
export function shareTakenUp({ ready, all }: TakenUp): string {
  return all === 0 ? 'none' : `${Math.floor((100 * ready) / all)} %`;
}
