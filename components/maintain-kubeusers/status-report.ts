import { z } from 'zod';

/** How many of each are named; the counts are of all. */
export const NAMED = 50;

const problem = z.object({
  account: z.string(),
  problem: z.string(),
  /** Whether it keeps the account from being ready. */
  pending: z.boolean().optional(),
  /** ISO 8601; absent when nothing is tried until something changes. */
  nextTry: z.string().optional(),
});

/** What the running loop says about itself at `/status`. */
export const statusReport = z.object({
  leader: z.boolean(),
  /** Who leads, while this instance does not. */
  standby: z.string().optional(),
  accounts: z.object({
    total: z.number(),
    ready: z.number(),
    pending: z.number(),
    disabled: z.number(),
    skipped: z.number(),
    /** Not in LDAP any more, and not gone yet. */
    leaving: z.number(),
  }),
  skipped: z.array(z.object({ entry: z.string(), reason: z.string() })),
  problems: z.array(problem),
  work: z.object({ waiting: z.number(), underWay: z.number() }),
  lastPass: z
    .object({
      kind: z.enum(['full', 'changes']),
      /** ISO 8601 */
      at: z.string(),
      /** From asking the directory to knowing what is to be done. */
      seconds: z.number(),
      directoryRequests: z.number(),
      apiRequests: z.number(),
      fileOperations: z.number(),
      actions: z.number(),
    })
    .optional(),
  /** Seconds since LDAP last answered in full. */
  ldapAgeSeconds: z.number().optional(),
  ldapError: z.string().optional(),
  /** The part of the tools that is to have another policy already, while a change is rolled out. */
  rollOut: z.object({ percent: z.number(), tools: z.number() }).optional(),
  massDeleteBlocked: z.string().optional(),
  /** Bytes */
  memory: z.number(),
});

export type MaintainKubeusersStatus = z.infer<typeof statusReport>;
