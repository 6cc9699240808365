import { hash } from 'node:crypto';
import type { KubeClient } from '../../../lib/kube/client.ts';
import type { KubeObject, Resource } from '../../../lib/kube/types.ts';
import { keyOf, type Account, type AccountId } from '../accounts/account.ts';
import type { CertificateIssuer } from '../certificates/issuer.ts';
import type { Homes } from '../homes/homes.ts';
import type { Settings } from '../settings.ts';
import type { AccountState, Validity } from '../state.ts';

/** What applying a resource has to work with. */
export interface Tools {
  readonly settings: Settings;
  readonly client: Pick<KubeClient, 'get' | 'create' | 'apply' | 'delete' | 'request'>;
  readonly issuer: Pick<CertificateIssuer, 'issue'>;
  readonly homes: Homes;
}

/** What to record beside the definition. */
export interface Applied {
  readonly problem?: string;
  readonly certificate?: Validity;
  /** The namespace as the server answered it. */
  readonly namespace?: KubeObject;
}

/**
 * One kind of resource of an account. Adding a kind, or changing what one defines, rolls through all accounts: the
 * recorded definition of each no longer equals the computed one.
 */
export interface ResourceKind {
  /** In states, actions and metrics: `resource-quota`. Never reused for something else. */
  readonly id: string;
  /** Raise it to have the resource applied again though its definition is the same. */
  readonly version: number;
  /** Whether such an account has it, under these settings. Asked of accounts of which only the name is left, too. */
  wanted(account: AccountId, settings: Settings): boolean;
  /** All that decides what is made; compared by its hash. */
  definition(account: Account, settings: Settings): unknown;
  /**
   * Makes it, or brings it to its definition; safe to repeat, and after a kill at any point. `expected`: whether it is
   * recorded as made, which may be wrong.
   */
  apply(account: Account, tools: Tools, expected: 'absent' | 'present'): Promise<Applied>;
  /** Takes it away again. Absent: it is left to itself. */
  remove?(id: AccountId, tools: Tools): Promise<void>;
  /** Goes before the namespace when an account ends: what gives access, and what no namespace takes along. */
  readonly removeFirst?: true;
  /** For `--verify`: what is wrong with it, or undefined. `actual` looks an object up in what was listed. */
  verify(
    account: Account,
    tools: Tools,
    actual: ActualObjects,
    recorded: AccountState,
  ): Promise<string | undefined>;
  /** For `--verify`: where its objects are listed. */
  readonly resource?: Resource;
}

/** Objects as they are in the cluster, listed at once for all accounts. */
export interface ActualObjects {
  find(resource: Resource, namespace: string | undefined, name: string): KubeObject | undefined;
}

/** `<version> <hash>`: what is recorded of a resource, and compared in every pass. */
export function definitionHash(kind: ResourceKind, account: Account, settings: Settings): string {
  const definition = JSON.stringify(kind.definition(account, settings));
  const digest = hash(
    'sha256',
    `${settings.stateKey}\n${kind.id}\n${keyOf(account)}\n${definition}`,
    'base64url',
  );
  return `${kind.version} ${digest.slice(0, 16)}`;
}
