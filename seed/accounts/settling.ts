import type { MaintainKubeusersStatus } from '../../components/maintain-kubeusers/index.ts';
import { Failure } from '../../lib/errors.ts';
import type { SeedAccountsRequest } from './requests.ts';

/**
 * maintain-kubeusers asks LDAP every second whether anything changed: when it had nothing to do for this long after
 * the last write, there is nothing left to do.
 */
const QUIET_MS = 3_000;
/** Longer than a restart of LDAP or the API server; what still fails then is for a person. */
const STUCK_MS = 60_000;
const NAMED = 5;

type Seen = Pick<MaintainKubeusersStatus, 'accounts' | 'work' | 'problems'>;

/**
 * Whether what maintain-kubeusers says of an account concerns these requests: `tool/seed-0001`. What it says of all accounts
 * does, and of the zoo's animals no name tells.
 */
export function concerns(requests: readonly SeedAccountsRequest[]): (account: string) => boolean {
  const prefixes = requests.map((request) => {
    if (request.kind === 'seed') return request.options.prefix;
    return request.kind === 'delete' ? request.prefix : undefined;
  });
  return (account) => {
    const [, name] = account.split('/');
    return (
      name === undefined || prefixes.some((prefix) => prefix === undefined || name.startsWith(`${prefix}-`))
    );
  };
}

/** Tells from what maintain-kubeusers says again and again whether it is done, or gets no further. */
export class Settling {
  readonly #isOwn: (account: string) => boolean;
  #quietSince: number | undefined;
  #last: { readonly ready: number; readonly since: number } | undefined;

  /** @param isOwn whether an account is waited for; others may fail as long as they like */
  constructor(isOwn: (account: string) => boolean = () => true) {
    this.#isOwn = isOwn;
  }

  /**
   * @param now milliseconds
   * @returns whether everything is done
   * @throws Failure `incomplete` when accounts fail and no other has become ready for a minute
   */
  look(status: Seen, now: number): boolean {
    const { accounts, work, problems } = status;
    const others = problems.filter(({ account, pending }) => pending === true && !this.#isOwn(account));
    const pending = accounts.pending - new Set(others.map(({ account }) => account)).size;
    const idle = pending === 0 && work.waiting + work.underWay === 0;
    this.#quietSince = idle ? (this.#quietSince ?? now) : undefined;
    if (this.#last?.ready !== accounts.ready) this.#last = { ready: accounts.ready, since: now };
    const own = problems.filter(({ account }) => this.#isOwn(account));
    if (!idle && own.length > 0 && now - this.#last.since >= STUCK_MS)
      throw stuck(`${pending} of ${accounts.total}`, own);
    return this.#quietSince !== undefined && now - this.#quietSince >= QUIET_MS;
  }
}

function stuck(howMany: string, problems: Seen['problems']): Failure {
  const named = problems.slice(0, NAMED).map(({ account, problem }) => `${account}: ${problem}`);
  return new Failure({
    kind: 'incomplete',
    what: `${howMany} accounts do not get ready`,
    why: [...named, ...(problems.length > NAMED ? ['…'] : [])].join('\n'),
    hint: 'They are tried again from time to time: `npm run status` shows how far it is. Namespaces that `seed-policies` made go with `seed-policies --delete`.',
  });
}
