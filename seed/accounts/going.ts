import type { AccountId } from '../../components/maintain-kubeusers/accounts/account.ts';
import type { SeedAccountsRequest } from './requests.ts';
import type { WorkPlan } from './write.ts';

/**
 * Whether an account is one that a deletion takes away, by its name alone: when the deletion is run again, LDAP may not
 * know it any more. Admins go with the last tool, as in `removalFor`.
 */
export function isGoing(
  { prefix, count = Number.POSITIVE_INFINITY }: SeedAccountsRequest & { kind: 'delete' },
  { unchanged }: Pick<WorkPlan, 'unchanged'>,
): (account: AccountId) => boolean {
  const shape = { tool: new RegExp(`^${prefix}-(\\d+)$`), admin: new RegExp(`^${prefix}-admin-(\\d+)$`) };
  return ({ type, name }) => {
    const number = shape[type].exec(name)?.[1];
    if (number === undefined) return false;
    return type === 'admin' ? unchanged === 0 : Number(number) <= count;
  };
}
