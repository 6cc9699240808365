import type { AccountId } from '../accounts/account.ts';

/** Whose home: an account, as far as its files need it. */
export interface HomeOwner extends AccountId {
  readonly uid: number;
}

/** What a file, or a directory, in a home is like. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits with setuid, setgid and sticky: 0o2775. */
  readonly mode: number;
  readonly uid: number;
  /** Bytes */
  readonly size: number;
}

/** What a file held when it was read; undefined: there was none. */
export interface FileContent {
  readonly content: Uint8Array | undefined;
}

/**
 * The homes of all accounts, as a seam. Paths are relative to the home, `.kube/config`; the empty path is the home
 * itself. A tool rules over its home, so nothing in it is trusted: no link is followed, and a file or directory that
 * belongs to somebody else is an error. Every method ends within the deadline of its implementation, whatever the file
 * system does, with a `Failure` when it could not do its work.
 */
export interface Homes {
  /** Makes the directory with this mode; one that is there keeps its own, unless `exact`. Its parents must be there. */
  makeDirectory(owner: HomeOwner, path: string, mode: number, exact?: boolean): Promise<void>;
  /** The file's bytes; undefined where there is none. A longer file than `maxBytes` is an error. */
  read(owner: HomeOwner, path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /**
   * Replaces the whole file or nothing; the mode holds from the first byte. Durable when it returns. With `was`, what
   * `read` answered, a file that holds something else by now is left alone, with an error.
   */
  write(owner: HomeOwner, path: string, content: string, mode: number, was?: FileContent): Promise<void>;
  /** Removes the file; fine where there is none. */
  remove(owner: HomeOwner, path: string): Promise<void>;
  /** Undefined where there is nothing. */
  facts(owner: HomeOwner, path: string): Promise<FileFacts | undefined>;
  /** Operations asked for so far. */
  readonly operations: number;
}
