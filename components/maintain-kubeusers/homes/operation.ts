import type { FileContent, FileFacts, HomeOwner } from './homes.ts';

/** One file operation, as it goes to the process that performs it. */
export type Operation = { readonly owner: HomeOwner; readonly path: string } & (
  | { readonly do: 'makeDirectory'; readonly mode: number; readonly exact: boolean }
  | { readonly do: 'read'; readonly maxBytes: number }
  | {
      readonly do: 'write';
      readonly content: string;
      readonly mode: number;
      readonly was?: FileContent | undefined;
    }
  | { readonly do: 'remove' }
  | { readonly do: 'facts' }
);

/** What comes back. Bytes travel as they are: the processes speak with structured clones. */
export type OperationResult =
  | { readonly ok: true; readonly value?: Uint8Array | FileFacts | undefined }
  | { readonly ok: false; readonly message: string };

/** Where the homes of each type of account are on this machine. */
export interface HomeRoots {
  readonly tool: string;
  readonly admin: string;
}
