import type { AccountPolicy } from '../policies/render.ts';

/** A value that a policy writes into pods or asks of them, and the field it is for. */
export interface Literal {
  readonly rule: string;
  /** In a pod, `*` for any element of a list: `spec.containers.*.securityContext.procMount`. */
  readonly path: readonly string[];
  readonly value: string | number | boolean;
}

/** Every literal of a policy: of patches, of patterns, and of what `deny` compares a field with. */
export function literalsOf(policy: AccountPolicy): Literal[] {
  return policy.spec.rules.flatMap((rule) => {
    const found: Literal[] = [];
    for (const part of [rule.mutate, rule.validate]) collect(part, rule.name, found);
    return found;
  });
}

/** What begins a tree that has the shape of a pod. */
const POD_SHAPED = ['patchStrategicMerge', 'pattern'];

function collect(value: unknown, rule: string, found: Literal[]): void {
  if (Array.isArray(value)) {
    for (const element of value) collect(element, rule, found);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (isCondition(value)) found.push(...conditionLiterals(value, rule));
  for (const [key, element] of Object.entries(value)) {
    if (POD_SHAPED.includes(key)) found.push(...shapeLiterals(element, rule, []));
    else if (key === 'anyPattern' && Array.isArray(element)) {
      for (const pattern of element) found.push(...shapeLiterals(pattern, rule, []));
    } else collect(element, rule, found);
  }
}

/** `+(runAsUser)`, `(name)`, `=(initContainers)` and so on: the field's name without Kyverno's anchor. */
const ANCHOR = /^[+=^<X]?\((.+)\)$/;

function shapeLiterals(value: unknown, rule: string, path: readonly string[]): Literal[] {
  if (Array.isArray(value)) {
    return value.flatMap((element) => shapeLiterals(element, rule, [...path, '*']));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, element]) => {
      const field = ANCHOR.exec(key)?.[1] ?? key;
      return shapeLiterals(element, rule, [...path, field]);
    });
  }
  if (typeof value === 'string') {
    return plainStrings(value).map((text) => ({ rule, path, value: text }));
  }
  return typeof value === 'number' || typeof value === 'boolean' ? [{ rule, path, value }] : [];
}

/** The alternatives of a pattern that are values as they stand: no variable, wildcard or comparison. */
function plainStrings(text: string): string[] {
  if (text.includes('{{')) return [];
  return text
    .split('|')
    .map((alternative) => alternative.trim().replace(/^!/, ''))
    .filter((alternative) => alternative !== '' && !/[*?<>&]/.test(alternative));
}

interface Condition {
  readonly key: unknown;
  readonly operator: unknown;
  readonly value: unknown;
}

function isCondition(value: object): value is Condition {
  return 'key' in value && 'operator' in value && 'value' in value;
}

/** `element.securityContext.procMount || 'Default'`: one field or another, and a value for neither. */
const FIELDS =
  /^\{\{\s*((?:element|request\.object)[\w.]+)((?:\s*\|\|\s*(?:(?:element|request\.object)[\w.]+|'[^']*'|`[^`]*`))*)\s*\}\}$/;

/** What a condition compares fields of a container or of the pod with; expressions that compute are left to the trial. */
function conditionLiterals({ key, value }: Condition, rule: string): Literal[] {
  if (typeof key !== 'string') return [];
  const match = FIELDS.exec(key.trim());
  if (match === null) return [];
  const values = (Array.isArray(value) ? (value as unknown[]) : [value]).filter(isScalar);
  const alternatives = (match[2] ?? '').split('||').map((part) => part.trim());
  const fields = [match[1] ?? '', ...alternatives.filter((part) => /^(element|request)/.test(part))];
  return fields.flatMap((field) => values.map((literal) => ({ rule, path: pathOf(field), value: literal })));
}

function pathOf(field: string): string[] {
  const parts = field.split('.');
  if (parts[0] === 'request') return parts.slice(2);
  return ['spec', 'containers', '*', ...parts.slice(1)];
}

function isScalar(value: unknown): value is string | number | boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
