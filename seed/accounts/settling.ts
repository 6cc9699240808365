import type { MaintainKubeusersStatus } from '../../components/maintain-kubeusers/index.ts';
import { Failure } from '../../lib/errors.ts';

/**
 * maintain-kubeusers asks LDAP every second whether anything changed: when it had nothing to do for this long after
 * the last write, there is nothing left to do.
 */
const QUIET_MS = 3_000;
/** Longer than a restart of LDAP or the API server; what still fails then is for a person. */
const STUCK_MS = 60_000;
const NAMED = 5;

type Seen = Pick<MaintainKubeusersStatus, 'accounts' | 'work' | 'problems'>;

/** Tells from what maintain-kubeusers says again and again whether it is done, or gets no further. */
export class Settling {
  #quietSince: number | undefined;
  #last: { readonly ready: number; readonly since: number } | undefined;

  /**
   * @param now milliseconds
   * @returns whether everything is done
   * @throws Failure `incomplete` when accounts fail and no other has become ready for a minute
   */
  look(status: Seen, now: number): boolean {
    const { accounts, work } = status;
    const idle = accounts.pending === 0 && work.waiting + work.underWay === 0;
    this.#quietSince = idle ? (this.#quietSince ?? now) : undefined;
    if (this.#last?.ready !== accounts.ready) this.#last = { ready: accounts.ready, since: now };
    if (!idle && status.problems.length > 0 && now - this.#last.since >= STUCK_MS) throw stuck(status);
    return this.#quietSince !== undefined && now - this.#quietSince >= QUIET_MS;
  }
}

function stuck({ accounts, problems }: Seen): Failure {
  const named = problems.slice(0, NAMED).map(({ account, problem }) => `${account}: ${problem}`);
  return new Failure({
    kind: 'incomplete',
    what: `${accounts.pending} of ${accounts.total} accounts do not get ready`,
    why: [...named, ...(problems.length > NAMED ? ['…'] : [])].join('\n'),
    hint: 'They are tried again from time to time: `npm run status` shows how far it is. Namespaces that `seed-policies` made go with `seed-policies --delete`.',
  });
}
