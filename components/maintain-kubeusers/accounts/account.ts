/** A tool, or a person who administers the project. */
export type AccountType = 'tool' | 'admin';

/** An account of LDAP that passed every check (`directory.ts`). */
export interface Account {
  readonly type: AccountType;
  /** The tool's or the admin's name, an RFC 1123 label. */
  readonly name: string;
  /** Also the id of its group: a tool's service group has the tool's number. */
  readonly uid: number;
  /** As LDAP has it: `/data/project/<tool>`, `/home/<admin>`. */
  readonly home: string;
  /** Locked, and so without access, until somebody unlocks it. */
  readonly disabled: boolean;
}

/** What identifies an account, also one of which nothing but the name is known any more. */
export interface AccountId {
  readonly type: AccountType;
  readonly name: string;
}

/** An entry that no account can be made of; whatever exists for it stays as it is. */
export interface SkippedEntry {
  readonly type: AccountType;
  /** The entry's distinguished name, printable. */
  readonly entry: string;
  /** The names it may stand for, where they could be read at all: none of them counts as removed. */
  readonly names: readonly string[];
  readonly reason: SkipReason;
}

export type SkipReason =
  | 'name not UTF-8'
  | 'name missing'
  | 'name ambiguous'
  | 'name too long'
  | 'name not an RFC 1123 label'
  | 'name used twice'
  | 'uid missing'
  | 'uid ambiguous'
  | 'uid not a number'
  | 'uid reserved'
  | 'uid used twice'
  | 'home missing'
  | 'home ambiguous'
  | 'home not UTF-8'
  | 'home not its own';

/** TOOLFORGE.md 4: an RFC 1123 label shorter than 54 characters, so that `tool-<tool>` and what is derived fit. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const MAX_NAME_LENGTH = 53;

/** Why a name cannot be used, or undefined when it can. */
export function nameProblem(name: string): SkipReason | undefined {
  if (name.length > MAX_NAME_LENGTH) return 'name too long';
  return NAME.test(name) ? undefined : 'name not an RFC 1123 label';
}

/** `tool/tf-test`: in maps, logs and metrics. */
export function keyOf({ type, name }: AccountId): string {
  return `${type}/${name}`;
}

const NAMESPACE_PREFIX = 'tool-';

export function namespaceOf(tool: string): string {
  return `${NAMESPACE_PREFIX}${tool}`;
}

/** The tool whose namespace this is; undefined for any other namespace. */
export function toolOf(namespace: string): string | undefined {
  if (!namespace.startsWith(NAMESPACE_PREFIX)) return undefined;
  const name = namespace.slice(NAMESPACE_PREFIX.length);
  return nameProblem(name) === undefined ? name : undefined;
}
