/** One entry of an object's `status.conditions`. */
export interface Condition {
  readonly type: string;
  readonly status: string;
}

/** Whether a condition is there and true. */
export function holds(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
}
