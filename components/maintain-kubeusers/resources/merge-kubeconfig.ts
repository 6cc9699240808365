import { Document, isMap, isScalar, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { messageOf } from '../../../lib/errors.ts';

/** Our part of a kubeconfig: one cluster, one user and the context that joins them. */
export interface KubeconfigPart {
  readonly cluster: { readonly name: string; readonly server: string; readonly ca: string };
  readonly user: { readonly name: string; readonly certificateFile: string; readonly keyFile: string };
  readonly context: { readonly name: string; readonly namespace?: string };
}

export type Merged = { readonly text: string } | { readonly problem: string };

/**
 * Puts our part into a kubeconfig and leaves everything else in it as it is, comments included. Nothing changes when
 * our part is in it already. A file that is no kubeconfig is a problem to report, never one to overwrite.
 */
export function mergeKubeconfig(existing: string | undefined, part: KubeconfigPart): Merged {
  // Scalars of other people's entries are neither understood nor rewritten: `012` and `yes` stay what they are.
  const document = parseDocument(existing ?? '', { schema: 'failsafe', keepSourceTokens: false });
  if (document.errors.length > 0) return { problem: 'is not YAML' };
  if (document.contents === null || isEmpty(document.contents)) return { text: fresh(part) };
  if (!isMap(document.contents)) return { problem: 'is not a kubeconfig' };
  try {
    const changed = [
      setEntry(document, 'clusters', part.cluster.name, 'cluster', clusterOf(part)),
      setEntry(document, 'users', part.user.name, 'user', userOf(part)),
      setEntry(document, 'contexts', part.context.name, 'context', contextOf(part)),
      setIfEmpty(document, 'apiVersion', 'v1'),
      setIfEmpty(document, 'kind', 'Config'),
      // Which context a tool's maintainers last chose is theirs to say.
      setIfEmpty(document, 'current-context', part.context.name),
    ];
    if (!changed.includes(true)) return { text: existing ?? '' };
    return { text: document.toString({ lineWidth: 0 }) };
  } catch (error) {
    // An entry of ours was given an anchor that others refer to, or a section is not a list.
    return { problem: `cannot be merged: ${messageOf(error).split('\n')[0] ?? ''}` };
  }
}

function fresh(part: KubeconfigPart): string {
  const { cluster, user, context } = part;
  return new Document({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': context.name,
    clusters: [{ name: cluster.name, cluster: clusterOf(part) }],
    users: [{ name: user.name, user: userOf(part) }],
    contexts: [{ name: context.name, context: contextOf(part) }],
  }).toString({ lineWidth: 0 });
}

type Fields = Readonly<Record<string, string>>;

function clusterOf({ cluster }: KubeconfigPart): Fields {
  return {
    server: cluster.server,
    'certificate-authority-data': Buffer.from(cluster.ca).toString('base64'),
  };
}

function userOf({ user }: KubeconfigPart): Fields {
  return { 'client-certificate': user.certificateFile, 'client-key': user.keyFile };
}

function contextOf({ cluster, user, context }: KubeconfigPart): Fields {
  const { namespace } = context;
  return { cluster: cluster.name, user: user.name, ...(namespace === undefined ? {} : { namespace }) };
}

/** Brings the entry of that name in a section to these fields. Returns whether anything changed. */
function setEntry(document: Document, section: string, name: string, field: string, fields: Fields): boolean {
  const list = sectionOf(document, section);
  const own = list.items.filter((item): item is YAMLMap => isMap(item) && item.get('name') === name);
  const [entry] = own;
  if (entry !== undefined && own.length === 1 && sameFields(entry.get(field), fields)) return false;
  list.items = list.items.filter((item) => item === entry || !own.includes(item as YAMLMap));
  if (entry === undefined) list.add(document.createNode({ name, [field]: fields }));
  else entry.set(field, document.createNode(fields));
  return true;
}

function sectionOf(document: Document, section: string): YAMLSeq {
  const found = document.get(section, true);
  if (isSeq(found)) return found;
  if (found !== undefined && !isEmpty(found)) throw new Error(`${section} is not a list`);
  const made = document.createNode([]) as YAMLSeq;
  document.set(section, made);
  return made;
}

function sameFields(node: unknown, fields: Fields): boolean {
  if (!isMap(node) || node.items.length !== Object.keys(fields).length) return false;
  return Object.entries(fields).every(([key, value]) => node.get(key) === value);
}

function setIfEmpty(document: Document, key: string, value: string): boolean {
  const found = document.get(key, true);
  if (found !== undefined && !isEmpty(found)) return false;
  document.set(key, value);
  return true;
}

/** Nothing, in any of the ways in which YAML writes it. */
function isEmpty(node: unknown): boolean {
  return node === null || (isScalar(node) && ['', '~', 'null', 'Null', 'NULL'].includes(String(node.value)));
}
