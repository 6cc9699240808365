import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { Failure, messageOf } from '../errors.ts';
import type { Credentials } from './client.ts';

const named = <T extends z.ZodType>(key: string, fields: T) =>
  z.array(z.looseObject({ name: z.string(), [key]: fields }));

const kubeconfig = z.looseObject({
  'current-context': z.string(),
  clusters: named(
    'cluster',
    z.looseObject({
      server: z.string(),
      'certificate-authority-data': z.string().optional(),
      'certificate-authority': z.string().optional(),
    }),
  ),
  users: named('user', z.record(z.string(), z.unknown())),
  contexts: named('context', z.looseObject({ cluster: z.string(), user: z.string() })),
});

/**
 * What the current context of a kubeconfig, or the one named, leads to. Certificates may stand in it or in files, named
 * relative to it.
 * @throws Failure `environment` when the file is not there, is no kubeconfig, or identifies by other means
 */
export async function readCredentials(file: string, contextName?: string): Promise<Credentials> {
  try {
    // It may hold keys: no message is to quote its lines.
    const content: unknown = parse(await readFile(file, 'utf8'), { prettyErrors: false, logLevel: 'error' });
    const config = kubeconfig.parse(content);
    const find = (list: readonly Record<string, unknown>[], name: string, key: string) => {
      const found = list.find((entry) => entry['name'] === name)?.[key];
      if (found === undefined) throw new Error(`it has no ${key} named ${name}`);
      return found as Readonly<Record<string, string | undefined>>;
    };
    const context = find(config.contexts, contextName ?? config['current-context'], 'context');
    const cluster = find(config.clusters, context['cluster'] ?? '', 'cluster');
    const user = find(config.users, context['user'] ?? '', 'user');
    const pem = async (
      fields: Readonly<Record<string, string | undefined>>,
      name: string,
    ): Promise<string> => {
      const data = fields[`${name}-data`];
      if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
      const named = fields[name];
      if (named === undefined) throw new Error(`it has no ${name}`);
      return readFile(path.resolve(path.dirname(file), named), 'utf8');
    };
    return {
      server: cluster['server'] ?? '',
      ca: await pem(cluster, 'certificate-authority'),
      certificate: await pem(user, 'client-certificate'),
      key: await pem(user, 'client-key'),
    };
  } catch (error) {
    throw new Failure({
      kind: 'environment',
      what: `The kubeconfig ${file} cannot be used`,
      why: error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error),
      cause: error,
    });
  }
}
