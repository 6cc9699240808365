import type { KubeClient } from '../../../lib/kube/client.ts';

/** As much of an OpenAPI schema as says which values a field takes. */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
}

/** The schemas of the core API of one version of Kubernetes. */
export interface ApiSchemas {
  /** `v1.24.17` */
  readonly version: string;
  readonly schemas: Readonly<Record<string, Schema>>;
}

const POD = 'io.k8s.api.core.v1.Pod';

/** Fields whose schema names no values though they take only some: their types in Go are enums behind a pointer. */
const UNNAMED_ENUMS: Readonly<Record<string, readonly string[]>> = {
  procMount: ['Default', 'Unmasked'],
};

interface OpenApi {
  readonly components: { readonly schemas: ApiSchemas['schemas'] };
}

/** What the API server says of itself. */
export async function readSchemas(client: Pick<KubeClient, 'request'>): Promise<ApiSchemas> {
  const [{ gitVersion }, answer] = await Promise.all([
    client.request<{ readonly gitVersion: string }>('GET', '/version'),
    client.request<OpenApi | string>('GET', '/openapi/v3/api/v1'),
  ]);
  // Older API servers call it plain text.
  const { components } = typeof answer === 'string' ? (JSON.parse(answer) as OpenApi) : answer;
  return { version: gitVersion, schemas: components.schemas };
}

/** The schema of a pod's field, with the values that its type has; undefined: there is no such field. */
export function fieldSchema({ schemas }: ApiSchemas, path: readonly string[]): Schema | undefined {
  let schema = resolve({ $ref: `#/components/schemas/${POD}` }, schemas);
  for (const part of path) {
    const next = part === '*' ? schema?.items : (schema?.properties?.[part] ?? additional(schema));
    schema = next === undefined ? undefined : resolve(next, schemas);
    if (schema === undefined) return undefined;
  }
  const known = UNNAMED_ENUMS[path.at(-1) ?? ''];
  return schema?.enum === undefined && known !== undefined ? { ...schema, enum: known } : schema;
}

function additional(schema: Schema | undefined): Schema | undefined {
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

function resolve(schema: Schema, schemas: ApiSchemas['schemas']): Schema | undefined {
  const [only] = schema.allOf ?? [];
  if (schema.$ref === undefined) return only === undefined ? schema : resolve(only, schemas);
  const target = schemas[schema.$ref.split('/').at(-1) ?? ''];
  return target === undefined ? undefined : resolve(target, schemas);
}
