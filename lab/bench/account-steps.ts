import type { Cluster } from '../../cluster/provider.ts';
import type { Context } from '../../lib/context.ts';
import type { Plan } from '../../lib/steps.ts';
import { changeQuota, idlePass, makeAccounts, reactionSeconds, removeAccounts } from './accounts.ts';
import { keySeconds } from './keys.ts';
import { perSecond, rateAgainst, timeAgainst, type Result } from './measurement.ts';
import { step } from './step.ts';

/** Accounts from LDAP to a working kubeconfig; what a pass costs then; another quota for all. */
export function accountSteps(
  accounts: number,
  results: Result[],
  cluster: () => Cluster,
  context: Context,
): Plan<undefined> {
  const note = `${accounts} accounts`;
  return [
    step('bench.accounts', `${accounts} accounts, from LDAP to all that they need`, async () => {
      const { ldap, ready, requestsEach, memory } = await makeAccounts(cluster(), accounts, context);
      const policies = results.find(({ id }) => id === 'seed-policies');
      const against =
        policies === undefined || !('value' in policies)
          ? {}
          : { against: rateAgainst(ready, 'seed-policies', policies.value) };
      results.push(
        { id: 'accounts.ldap', what: 'accounts written to LDAP', value: ldap, unit: 'a second', note },
        { id: 'accounts', what: 'accounts made ready', value: ready, unit: 'a second', note, ...against },
        { id: 'accounts.requests', what: 'API requests an account', value: requestsEach, unit: 'requests' },
        { id: 'accounts.memory', what: 'memory of the loop', value: memory, unit: 'bytes', note },
      );
      return `${(accounts / ready).toFixed(0)} s`;
    }),
    step('bench.pass', 'A full pass with nothing to do', async () => {
      const { seconds, requests, fileOperations } = await idlePass(cluster(), context);
      const cost = `${requests} requests, ${fileOperations} file operations`;
      results.push({
        id: 'pass',
        what: 'pass with nothing to do',
        value: seconds,
        unit: 'seconds',
        note: cost,
      });
      return `${seconds.toFixed(2)} s, ${cost}`;
    }),
    step('bench.reaction', 'One account more in LDAP, and its namespace', async () => {
      const value = await reactionSeconds(cluster(), context);
      const what = 'a new account, from LDAP to its namespace';
      results.push({ id: 'accounts.reaction', what, value, unit: 'seconds', note: `beside ${note}` });
      return `${value.toFixed(2)} s`;
    }),
    step('bench.keys', 'Keys as production has them, and as they are by default', async () => {
      const { ec, rsa, keys } = await keySeconds();
      results.push({
        id: 'accounts.keys',
        what: 'an RSA 4096 key and its request, an account',
        value: rsa,
        unit: 'seconds',
        note: `${keys} keys`,
        against: timeAgainst(rsa, 'P-256', ec),
      });
      return `${rsa.toFixed(2)} s an account against ${ec.toFixed(4)} s`;
    }),
    step('bench.quota', `Another quota for ${accounts} accounts`, async () => {
      const seconds = await changeQuota(cluster(), accounts, context);
      results.push({ id: 'quota', what: 'another quota for all', value: seconds, unit: 'seconds', note });
      return `${seconds.toFixed(1)} s`;
    }),
    step('bench.accounts-delete', `${accounts} accounts out of LDAP, and gone`, async () => {
      const started = context.clock.now();
      await removeAccounts(cluster(), context);
      const value = accounts / ((context.clock.now() - started) / 1000);
      results.push({
        id: 'accounts.delete',
        what: 'accounts removed, namespaces being emptied',
        value,
        unit: 'a second',
        note,
      });
      return perSecond(value);
    }),
  ];
}
