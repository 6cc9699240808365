import type { Account } from '../accounts/account.ts';
import type { Settings } from '../settings.ts';
import { adminRoleBinding, adminViewBinding } from './admin-bindings.ts';
import { certificate } from './certificate.ts';
import { disabledMark } from './disabled-mark.ts';
import { home } from './home.ts';
import type { ResourceKind } from './kind.ts';
import { kubeconfig } from './kubeconfig.ts';
import { limitRange } from './limit-range.ts';
import { namespaceKind } from './namespace.ts';
import { podSecurityPolicy, pspRole, pspRoleBinding } from './pod-security-policy.ts';
import { policy } from './policy.ts';
import { resourceQuota } from './resource-quota.ts';
import { roleBinding } from './role-binding.ts';

/**
 * What an account is made of, in the order in which it is made: first what confines a tool, then what lets it in, and
 * files last, since they take longest to go wrong.
 */
const ENABLED_KINDS: readonly ResourceKind[] = [
  namespaceKind,
  limitRange,
  policy,
  podSecurityPolicy,
  // After what Kubernetes itself puts into a new namespace: each object that it counts later costs a write of its status.
  resourceQuota,
  pspRole,
  pspRoleBinding,
  roleBinding,
  adminViewBinding,
  adminRoleBinding,
  home,
  certificate,
  kubeconfig,
];

const DISABLED_KINDS: readonly ResourceKind[] = [disabledMark];

export const ALL_KINDS: readonly ResourceKind[] = [...ENABLED_KINDS, ...DISABLED_KINDS];

/** The kinds that this account has, in the order in which they are made. */
export function kindsOf(account: Account, settings: Settings): readonly ResourceKind[] {
  if (account.disabled) return DISABLED_KINDS;
  return ENABLED_KINDS.filter((kind) => kind.wanted(account, settings));
}

export const CERTIFICATE_KIND = certificate.id;
