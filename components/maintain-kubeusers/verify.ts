import type { KubeClient } from '../../lib/kube/client.ts';
import { ifFound } from '../../lib/kube/errors.ts';
import { CONFIG_MAPS, pathOf, type KubeObject, type Resource } from '../../lib/kube/types.ts';
import { messageOf } from '../../lib/errors.ts';
import { keyOf, type Account } from './accounts/account.ts';
import type { Desired } from './difference/desired.ts';
import type { Observed } from './difference/observed.ts';
import { ALL_KINDS } from './resources/index.ts';
import type { ActualObjects, ResourceKind, Tools } from './resources/kind.ts';
import { OWN_SELECTOR, statePlace, type AccountState } from './state.ts';

/** Something that is not as its record says. */
export interface Finding {
  readonly account: Account;
  readonly resource: string;
  readonly problem: string;
}

export interface VerifyOptions {
  readonly tools: Tools;
  readonly client: Pick<KubeClient, 'pages'>;
  readonly signal: AbortSignal;
}

/** Accounts whose files are looked at, at once. */
const AT_ONCE = 16;

/**
 * Compares everything that is recorded as made with what is there: each object, field by field, and each file. What is
 * not recorded, or not as defined, is the difference's to find, and left to it.
 */
export async function verify(
  desired: Desired,
  observed: Observed,
  options: VerifyOptions,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const kind of ALL_KINDS) {
    const accounts = recorded(kind, desired, observed);
    if (accounts.length === 0) continue;
    const actual = await listActual(kind.resource, options.client);
    await each(accounts, options.signal, async ({ account, state }) => {
      const problem = await kind
        .verify(account, options.tools, actual, state)
        .catch((error: unknown) => messageOf(error));
      if (problem !== undefined) findings.push({ account, resource: kind.id, problem });
    });
  }
  return findings;
}

interface Recorded {
  readonly account: Account;
  readonly state: AccountState;
}

/** The accounts for which a resource of this kind is recorded as it is defined. */
function recorded({ id }: ResourceKind, desired: Desired, observed: Observed): readonly Recorded[] {
  return [...desired.accounts].flatMap(([key, { account, resources }]) => {
    const found = observed.get(key);
    const state = account.disabled ? found?.disabled : found?.enabled;
    const definition = resources.get(id);
    if (definition === undefined || state?.resources.get(id)?.definition !== definition) return [];
    return [{ account, state }];
  });
}

/** All objects of a resource that were made here; one kind at a time, so that they are never all in memory. */
async function listActual(
  resource: Resource | undefined,
  client: Pick<KubeClient, 'pages'>,
): Promise<ActualObjects> {
  const objects = new Map<string, KubeObject>();
  if (resource !== undefined) {
    for await (const page of client.pages<KubeObject>(resource, { labelSelector: OWN_SELECTOR })) {
      for (const object of page.items) {
        objects.set(`${object.metadata?.namespace ?? ''}/${object.metadata?.name ?? ''}`, object);
      }
    }
  }
  return { find: (_, namespace, name) => objects.get(`${namespace ?? ''}/${name}`) };
}

async function each<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      signal.throwIfAborted();
      await work(item);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/**
 * Notes findings in the records of their accounts, where the loop, here or in another process, finds them as problems to
 * repair.
 */
export async function noteFindings(
  findings: readonly Finding[],
  { client, signal }: { readonly client: Pick<KubeClient, 'request'>; readonly signal: AbortSignal },
): Promise<void> {
  const byAccount = Map.groupBy(findings, ({ account }) => keyOf(account));
  const accounts = [...byAccount.values()].flatMap(([first]) => (first === undefined ? [] : [first.account]));
  await each(accounts, signal, async (account) => {
    const data: Record<string, string | null> = {};
    for (const { resource, problem } of byAccount.get(keyOf(account)) ?? []) {
      data[`problem.${resource}`] = problem;
      data[`tried.${resource}`] = null; // never tried: due at once
    }
    const { namespace, name } = statePlace(account, account.disabled);
    // A tool that went meanwhile, with its record, has nothing to repair.
    await ifFound(
      client.request('PATCH', pathOf(CONFIG_MAPS, namespace, name), {
        body: { data },
        contentType: 'application/merge-patch+json',
      }),
    );
  });
}
