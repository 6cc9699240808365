import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { isMap, isSeq, parse, parseDocument, type Document } from 'yaml';
import { Failure, systemCode } from '../lib/errors.ts';
import { readFileIfExists, writeFileIfChanged } from '../lib/files.ts';

const LISTS = ['clusters', 'users', 'contexts'] as const;

/** The name of a cluster of ours in somebody's own kubeconfig: it cannot be one of theirs. */
export function contextName(cluster: string): string {
  return `toolforge-local-${cluster}`;
}

/** The file that kubectl would write to: the first of KUBECONFIG, or the default. */
export function userKubeconfig(env: NodeJS.ProcessEnv): string {
  const [first] = (env['KUBECONFIG'] ?? '').split(path.delimiter).filter((file) => file !== '');
  return first ?? path.join(env['HOME'] ?? homedir(), '.kube', 'config');
}

/**
 * Adds a cluster to somebody's kubeconfig and makes it the current context, as `kind create cluster` does. Comments
 * and all other entries stay as they are.
 * @param ours the text of the cluster's own kubeconfig
 */
export async function mergeKubeconfig(link: string, ours: string, cluster: string): Promise<void> {
  const file = await realFile(link);
  const document = await readDocument(file);
  const name = contextName(cluster);
  const own = parse(ours) as Record<(typeof LISTS)[number], Record<string, unknown>[]>;
  removeEntries(document, name);
  for (const list of LISTS) {
    const [entry] = own[list];
    const renamed =
      list === 'contexts' ? { name, context: { cluster: name, user: name } } : { ...entry, name };
    if (isSeq(document.get(list))) document.addIn([list], renamed);
    else document.set(list, [renamed]);
  }
  document.set('current-context', name);
  await writeFileIfChanged(file, document.toString());
}

/** Takes the cluster out again, if it is there. A file that we cannot read is left alone. */
export async function unmergeKubeconfig(link: string, cluster: string): Promise<void> {
  const file = await realFile(link);
  const text = await readFileIfExists(file);
  if (text?.includes(contextName(cluster)) !== true) return;
  const document = await readDocument(file);
  removeEntries(document, contextName(cluster));
  if (document.get('current-context') === contextName(cluster)) document.set('current-context', '');
  await writeFileIfChanged(file, document.toString());
}

/** Some keep their kubeconfig elsewhere and link to it: the file is written, the link stays. */
async function realFile(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return file;
    throw error;
  }
}

async function readDocument(file: string): Promise<Document> {
  const text = (await readFileIfExists(file)) ?? '';
  const document = parseDocument(text === '' ? 'apiVersion: v1\nkind: Config\n' : text);
  const [error] = document.errors;
  if (error === undefined && isMap(document.contents)) return document;
  throw new Failure({
    kind: 'usage',
    what: `${file} is not a kubeconfig`,
    why: error?.message ?? 'it is not a YAML mapping',
    hint: 'It was left as it is. Mend it, or use `npm run kubectl` with the cluster’s own kubeconfig.',
  });
}

function removeEntries(document: Document, name: string): void {
  for (const list of LISTS) {
    const sequence = document.get(list);
    if (!isSeq(sequence)) continue;
    sequence.items = sequence.items.filter((item) => !(isMap(item) && item.get('name') === name));
  }
}
