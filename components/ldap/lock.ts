import { Failure } from '../../lib/errors.ts';
import type { LdapClient } from '../../lib/ldap/client.ts';
import { valuesOf } from '../../lib/ldap/types.ts';
import { toolDn } from './accounts.ts';
import { DISABLED_POLICY_DN } from './tree.ts';

/** The operational attributes by which an account is disabled (TOOLFORGE.md, section 4). */
export const LOCK_ATTRIBUTES = ['pwdAccountLockedTime', 'pwdPolicySubentry'];

/**
 * Disables a tool as production does, or enables it again.
 * @param now the time of the lock, in milliseconds since the epoch
 * @returns whether anything changed; a tool that is locked already keeps its time
 * @throws Failure `usage` when there is no such tool
 */
export async function setLocked(
  client: LdapClient,
  tool: string,
  locked: boolean,
  now: number,
): Promise<boolean> {
  const dn = toolDn(tool);
  const entry = await client.read(dn, ['cn', ...LOCK_ATTRIBUTES]);
  if (entry === undefined) {
    throw new Failure({
      kind: 'usage',
      what: `There is no tool named ${tool} in LDAP`,
      hint: 'Name a tool as `npm run status` counts them: without the project, `tf-test`.',
    });
  }
  const isLocked = LOCK_ATTRIBUTES.some((attribute) => valuesOf(entry, attribute).length > 0);
  if (isLocked === locked) return false;
  await client.change({
    kind: 'replace',
    dn,
    attributes: {
      pwdAccountLockedTime: locked ? [generalizedTime(now)] : [],
      pwdPolicySubentry: locked ? [DISABLED_POLICY_DN] : [],
    },
  });
  return true;
}

/** `20260830120000Z` */
function generalizedTime(milliseconds: number): string {
  return `${new Date(milliseconds)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:T]/g, '')}Z`;
}
