import { crc32 } from 'node:zlib';

/** A made-up tool account: what LDAP would hold of it. */
export interface Account {
  /** The tool's name, an RFC 1123 label shorter than 54 characters (TOOLFORGE.md, section 4). */
  readonly name: string;
  /** uid of the tool and gid of its group. */
  readonly uid: number;
}

export const DEFAULT_PREFIX = 'seed';

/** A prefix leaves room for `-` and a number, and for `toolforge-kyverno-pod-policy-` before it (63 in all). */
export const PREFIX = /^[a-z0-9]([-a-z0-9]{0,22}[a-z0-9])?$/;

/** Production's tools have uids from about 50,000 on; lima-kilo's three default accounts are 50001 to 50003. */
const FIRST_UID = 60_000;
/** Room for this many accounts of one prefix. */
const UIDS_A_PREFIX = 100_000;
/** Blocks that fit below 2^31, the largest id that Kubernetes takes. */
const UID_BLOCKS = Math.floor((2 ** 31 - 1 - FIRST_UID) / UIDS_A_PREFIX);

/**
 * The first `count` accounts of a prefix: `seed-0001` with uid 60001 and so on. The same for everything that seeds, and
 * in every run: an account's name and uid do not depend on the count. The uids of another prefix start at a place that
 * its letters give, one of some 21,000. Two prefixes may get the same (`b` and `run296` do), and then not be used at
 * once: accounts that share a uid are all skipped.
 */
export function* accounts(prefix: string, count: number): Generator<Account> {
  const first = FIRST_UID + uidBlock(prefix) * UIDS_A_PREFIX;
  for (let index = 1; index <= count; index += 1) {
    yield { name: `${prefix}-${String(index).padStart(4, '0')}`, uid: first + index };
  }
}

function uidBlock(prefix: string): number {
  return prefix === DEFAULT_PREFIX ? 0 : 1 + (crc32(prefix) % (UID_BLOCKS - 1));
}

/** The largest count that has uids. */
export const MAX_ACCOUNTS = UIDS_A_PREFIX - 1;

/** The name of a tool's namespace. */
export function namespaceOf(account: Account): string {
  return `tool-${account.name}`;
}
