import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { Failure, messageOf } from '../../lib/errors.ts';
import { makePrivateDirectory, readFileIfExists, writeFileIfChanged } from '../../lib/files.ts';
import { configurationSchema } from './configuration.ts';

/** What a person decides of maintain-kubeusers, as in production's values; `up` decides the rest. */
const ownSettingsSchema = configurationSchema
  .pick({
    quotaOverrides: true,
    keyAlgorithm: true,
    certificateSeconds: true,
    renewBeforeDays: true,
    massDelete: true,
    interval: true,
  })
  .partial();

/** Only what was set: a default that changes later is not kept from anybody. */
export type OwnSettings = z.input<typeof ownSettingsSchema>;

/** @throws Failure `usage` with every problem of the file */
export async function readOwnSettings(file: string): Promise<OwnSettings> {
  try {
    return parseOwnSettings(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Failure({
      kind: 'usage',
      what: 'The settings of maintain-kubeusers cannot be used',
      why: `${file}: ${messageOf(error)}`,
      hint: 'docs/accounts.md has an example. Nothing was changed.',
      cause: error,
    });
  }
}

function parseOwnSettings(text: string): OwnSettings {
  const content: unknown = parse(text) ?? {};
  const parsed = ownSettingsSchema.safeParse(content);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  // What was checked, not what the check filled in.
  return content as OwnSettings;
}

/** Keeps them for this `up` and those that come; undefined takes them away. */
export async function keepOwnSettings(
  clusterDirectory: string,
  settings: OwnSettings | undefined,
): Promise<void> {
  const file = fileOf(clusterDirectory);
  if (settings === undefined) return rm(file, { force: true });
  await makePrivateDirectory(path.dirname(file));
  await writeFileIfChanged(file, stringify(settings));
}

/** Those of the cluster. */
export async function ownSettings(clusterDirectory: string): Promise<OwnSettings> {
  const file = fileOf(clusterDirectory);
  return (await readFileIfExists(file)) === undefined ? {} : readOwnSettings(file);
}

function fileOf(clusterDirectory: string): string {
  return path.join(clusterDirectory, 'maintain-kubeusers', 'settings.yaml');
}
