import type { AccountPolicy } from '../policies/render.ts';
import { literalsOf, type Literal } from './literals.ts';
import { fieldSchema, type ApiSchemas, type Schema } from './schema.ts';

/** What is wrong with a policy, before it meets any pod. */
export interface Problem {
  readonly rule: string;
  /** `spec.containers[*].securityContext.procMount` */
  readonly field: string;
  readonly problem: string;
  /** The value that was most likely meant. */
  readonly instead?: string;
}

/** The problem for people, without its rule. */
export function describeProblem({ field, problem, instead }: Problem): string {
  return `${field}: ${problem}${instead === undefined ? '' : `; ${instead} was meant?`}`;
}

/**
 * Checks each literal of a policy against the API that the pods are of. What the documentation of a field says is not
 * asked: it named `DefaultProcMount`, a constant of the Go sources, until Kubernetes 1.31, and the value is `Default`.
 */
export function lintPolicy(policy: AccountPolicy, api: ApiSchemas): Problem[] {
  const problems = literalsOf(policy).flatMap((literal) => check(literal, api) ?? []);
  const distinct = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...distinct.values()];
}

function check({ rule, path, value }: Literal, api: ApiSchemas): Problem | undefined {
  const field = path.join('.').replaceAll('.*', '[*]');
  const schema = fieldSchema(api, path);
  if (schema === undefined) return { rule, field, problem: `Kubernetes ${api.version} has no such field` };
  const type = typeProblem(value, schema);
  if (type !== undefined) return { rule, field, problem: `${JSON.stringify(value)} is not ${type}` };
  const values = (schema.enum ?? []).map(String);
  if (values.length === 0 || values.includes(String(value))) return undefined;
  const instead = nearest(String(value), values);
  return {
    rule,
    field,
    problem: `${JSON.stringify(value)} is not a value of Kubernetes ${api.version}: ${values.join(', ')}`,
    ...(instead === undefined ? {} : { instead }),
  };
}

/** A phrase for the type that the value should have, or undefined where it has it. */
function typeProblem(value: Literal['value'], { type }: Schema): string | undefined {
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'integer':
      return Number.isInteger(value) ? undefined : 'a whole number';
    case 'string':
      return typeof value === 'string' ? undefined : 'a string';
    case 'array':
    case 'object':
      return `an ${type}`;
    case undefined:
    default:
      return undefined;
  }
}

/** A Go constant is named for its value and its type: `DefaultProcMount`, `SeccompProfileTypeRuntimeDefault`. */
function nearest(value: string, values: readonly string[]): string | undefined {
  const lower = value.toLowerCase();
  return (
    values.find((candidate) => candidate.toLowerCase() === lower) ??
    values
      .filter(
        (candidate) => lower.includes(candidate.toLowerCase()) || candidate.toLowerCase().includes(lower),
      )
      .sort((left, right) => right.length - left.length)[0]
  );
}
