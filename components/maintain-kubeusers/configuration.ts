import path from 'node:path';
import { z } from 'zod';
import { accountPolicy } from '../../cluster/spec.ts';
import { readSecretFile } from './secret-file.ts';

const absolutePath = z.string().refine((value) => path.isAbsolute(value), 'must be an absolute path');
const quantity = z
  .string()
  .regex(/^\d+(\.\d+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/, 'must be a quantity: 500m, 2, 4Gi');
const count = z.number().int().positive();

/** Production's shape of an override (TOOLFORGE.md 5). */
export const quotaOverride = z.strictObject({
  version: z.number().int(),
  cpu: quantity.optional(),
  memory: quantity.optional(),
  pods: count.optional(),
  jobs: count.optional(),
  cronjobs: count.optional(),
  pod_cpu: quantity.optional(),
  pod_memory: quantity.optional(),
});

const policySettings = accountPolicy.extend({
  file: absolutePath.optional(),
  /** The version of Kyverno that the policies are for; absent: the newest. */
  kyverno: z.string().optional(),
});

/** The file of a roll-out. */
export const rollOutSchema = z.strictObject({
  policy: policySettings.optional(),
  percent: z.number().min(0).max(100),
  tools: z.array(z.string()).default([]),
  /** In place of the configuration's own, for all tools. */
  podSecurityPolicy: z.boolean().optional(),
});
export type RollOutFile = z.input<typeof rollOutSchema>;

/** The configuration file of the loop, JSON or YAML, mode 0600. */
export const configurationSchema = z.strictObject({
  /** The identity of the loop's own service account; never an admin's. */
  kubeconfig: absolutePath,
  /** How LDAP is reached, in production's format: /etc/ldap.yaml there. */
  ldapConfig: absolutePath,
  /** Where the directory's /data/project is on this machine. */
  dataRoot: absolutePath,
  /** Where its /home is. */
  adminHomeRoot: absolutePath,
  /** Seconds between full passes, the safety net; changes are noticed by themselves. */
  interval: z.number().positive().default(60),
  /** Seconds between two looks at whether the directory changed. */
  changeInterval: z.number().positive().default(0.5),
  /** Loopback port of metrics, health and status; 9000 in production. */
  port: z.number().int().min(1).max(65535),
  /** What the reader of /status has to show. */
  token: z.string().min(20),
  /** Goes into recorded hashes, see `Settings.stateKey`. */
  stateKey: z.string().min(20),
  /** Absent: tools get no Kyverno policy. */
  policy: policySettings.optional(),
  /** A file with another policy for a part of the tools, read whenever it changes; usually there is none. */
  rollOutFile: absolutePath.optional(),
  /** A PodSecurityPolicy for each tool, on the `2024` profile. */
  podSecurityPolicy: z.boolean().default(false),
  keyAlgorithm: z.enum(['P-256', 'RSA-4096']).default('P-256'),
  /** Seconds that certificates are asked to live; absent: what the signer gives, a year. */
  certificateSeconds: z.number().int().min(600).optional(),
  /** Certificates with fewer days left are renewed. */
  renewBeforeDays: z.number().positive().default(30),
  /** An answer of the directory that removes more than this of the accounts, and more than `minimum`, is not followed. */
  massDelete: z
    .strictObject({
      fraction: z.number().min(0).max(1).default(0.05),
      minimum: z.number().int().min(0).default(10),
    })
    .default({ fraction: 0.05, minimum: 10 }),
  quotaOverrides: z.record(z.string(), quotaOverride).default({}),
  /** What tools' kubeconfigs say of the cluster: HAProxy's address, and the file of its authority. */
  cluster: z.strictObject({ server: z.url({ protocol: /^https$/ }), caFile: absolutePath }),
  /** Accounts worked on at once. */
  concurrency: z.number().int().min(1).max(256).default(32),
  /** Seconds that one file operation in a home may take. */
  fileDeadline: z.number().positive().default(10),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).default('info'),
});

export type Configuration = z.infer<typeof configurationSchema>;
/** What is written into the file: what has a default may be left out. */
export type ConfigurationInput = z.input<typeof configurationSchema>;

/** @throws Failure `usage` with every problem of the file */
export function readConfiguration(file: string): Promise<Configuration> {
  return readSecretFile(file, configurationSchema, {
    what: 'The configuration of maintain-kubeusers cannot be read',
    hint: '`npm run up` writes it; --config names another file.',
  });
}
