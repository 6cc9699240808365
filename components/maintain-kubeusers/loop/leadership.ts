import { hostname } from 'node:os';
import type { Clock } from '../../../lib/clock.ts';
import type { KubeClient } from '../../../lib/kube/client.ts';
import { ifFound, isAlreadyExists, KubeError } from '../../../lib/kube/errors.ts';
import { NO_RETRY } from '../../../lib/kube/retry.ts';
import { LEASES, pathOf, type KubeObject } from '../../../lib/kube/types.ts';
import { startTime } from '../../../lib/lock.ts';
import { errorLine } from '../log.ts';
import { OWN_NAMESPACE } from '../state.ts';

const LEASE_NAME = 'maintain-kubeusers';

/**
 * Others wait this long for a holder that is silent. Twice client-go's values: a laptop that compiles, or an API server
 * that restarts, must not cost the lead; and a holder of the same machine that died is not waited for at all.
 */
const LEASE_MS = 30_000;
/** A holder that could not renew for this long stops. */
const RENEW_DEADLINE_MS = 20_000;
/** Both try this often. */
const RETRY_MS = 2_000;
/** Whoever asks hears that the API is silent before the lead is lost for it. */
const ILL_AFTER_MS = 10_000;

export interface LeadershipOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  /** Milliseconds of a clock that does not jump. */
  readonly monotonic: () => number;
  readonly onStandby: (holder: string) => void;
  readonly onError: (error: unknown) => void;
}

interface Lease extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** `<host>/<process>/<when it started>`: tells whether the holder is a process of this machine that is gone. */
export async function identityOfThisProcess(): Promise<string> {
  return `${hostname()}/${process.pid}/${(await startTime(process.pid)) ?? ''}`;
}

/**
 * One instance at a time, by a Lease. As in client-go, how long a holder has been silent is measured here, on a clock
 * that does not jump, from when its record last changed; and of two that write at once the API server refuses one.
 */
export class Leadership {
  readonly #options: LeadershipOptions;
  readonly #identity: string;
  #seen: { record: string; at: number } | undefined;
  #held: Lease | undefined;
  #standby: string | undefined;
  #answeredAt: number | undefined;
  /** Why the lease could not be read or written the last time. */
  #trouble: unknown;

  constructor(identity: string, options: LeadershipOptions) {
    this.#identity = identity;
    this.#options = options;
  }

  /** Takes the lease now if it is free; who holds it otherwise. */
  async tryAcquire(): Promise<{ readonly holder?: string }> {
    const lease = await this.#read();
    if (lease === undefined) {
      this.#held = await this.#create();
      return this.#held === undefined ? { holder: 'another instance' } : {};
    }
    const holder = lease.spec?.holderIdentity ?? '';
    if (holder !== '' && holder !== this.#identity && !(await this.#isOver(lease))) return { holder };
    this.#held = await this.#replace(lease, this.#identity);
    return this.#held === undefined ? { holder: 'another instance' } : {};
  }

  /** Who leads while this instance waits to, as far as is known. */
  get standby(): string | undefined {
    return this.#standby;
  }

  /** Why nobody can tell who leads, or undefined while the API answers. One that never did is ill from the start. */
  illness(): string | undefined {
    if (this.#trouble === undefined) return undefined;
    const silent = this.#options.monotonic() - (this.#answeredAt ?? Number.NEGATIVE_INFINITY);
    if (silent < ILL_AFTER_MS) return undefined;
    const time = Number.isFinite(silent) ? ` for ${Math.round(silent / 1000)} s` : '';
    return `the lease cannot be read or renewed${time}: ${errorLine(this.#trouble)}`;
  }

  /** Waits until this instance leads. */
  async acquire(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        const { holder } = await this.tryAcquire();
        if (holder !== undefined && holder !== this.#standby) this.#options.onStandby(holder);
        this.#standby = holder;
        if (holder === undefined) return;
      } catch (error) {
        if (!(error instanceof KubeError)) throw error;
        this.#options.onError(error);
      }
      await this.#options.clock.sleep(RETRY_MS * (0.5 + Math.random() / 2), signal);
    }
  }

  /** Keeps the lease until the signal aborts; returns early, without it, when it was lost. */
  async keep(signal: AbortSignal): Promise<void> {
    const { clock, monotonic, onError } = this.#options;
    let renewed = monotonic();
    for (;;) {
      await clock.sleep(RETRY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (this.#held === undefined) return;
        const before = monotonic();
        this.#held = (await this.#replace(this.#held, this.#identity)) ?? (await this.#stillOurs());
        if (this.#held === undefined) return;
        renewed = before;
      } catch (error) {
        onError(error);
        if (monotonic() - renewed < RENEW_DEADLINE_MS) continue;
        this.#held = undefined;
        return;
      }
    }
  }

  /** The write of ours may have gone through though its answer got lost; the lease then names us. */
  async #stillOurs(): Promise<Lease | undefined> {
    const lease = await this.#read();
    return lease?.spec?.holderIdentity === this.#identity ? lease : undefined;
  }

  /** Hands the lease back, so that the next instance need not wait. */
  async release(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) await this.#replace(held, '').catch(this.#options.onError);
  }

  /** Whether its holder has been silent for too long, or is a process of this machine that is gone. */
  async #isOver({ spec, metadata }: Lease): Promise<boolean> {
    const now = this.#options.monotonic();
    const record = metadata?.resourceVersion ?? '';
    if (this.#seen?.record !== record) this.#seen = { record, at: now };
    if (now - this.#seen.at >= (spec?.leaseDurationSeconds ?? LEASE_MS / 1000) * 1000) return true;
    const [host, pid, started] = (spec?.holderIdentity ?? '').split('/');
    return host === hostname() && started !== '' && (await startTime(Number(pid))) !== started;
  }

  async #read(): Promise<Lease | undefined> {
    return ifFound(this.#request('GET', LEASE_NAME));
  }

  async #create(): Promise<Lease | undefined> {
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: LEASE_NAME, namespace: OWN_NAMESPACE },
      spec: this.#spec(this.#identity, 0),
    };
    try {
      return await this.#request('POST', undefined, lease);
    } catch (error) {
      if (isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  /** Undefined when somebody else wrote the lease meanwhile. */
  async #replace(lease: Lease, holder: string): Promise<Lease | undefined> {
    const { spec } = lease;
    const changes = (spec?.leaseTransitions ?? 0) + (spec?.holderIdentity === holder ? 0 : 1);
    const acquireTime = spec?.holderIdentity === holder ? spec.acquireTime : undefined;
    const next = { ...this.#spec(holder, changes), ...(acquireTime === undefined ? {} : { acquireTime }) };
    try {
      return await this.#request('PUT', LEASE_NAME, { ...lease, spec: next });
    } catch (error) {
      if (error instanceof KubeError && error.status === 409) return undefined;
      throw error;
    }
  }

  #spec(holderIdentity: string, leaseTransitions: number): NonNullable<Lease['spec']> {
    // MicroTime: six digits after the second.
    const now = new Date(this.#options.clock.now()).toISOString().replace('Z', '000Z');
    // A lease given back may be taken at once.
    const leaseDurationSeconds = holderIdentity === '' ? 1 : LEASE_MS / 1000;
    return { holderIdentity, leaseDurationSeconds, acquireTime: now, renewTime: now, leaseTransitions };
  }

  async #request(method: 'GET' | 'POST' | 'PUT', name: string | undefined, body?: Lease): Promise<Lease> {
    try {
      const lease = await this.#options.client.request<Lease>(method, pathOf(LEASES, OWN_NAMESPACE, name), {
        ...(body === undefined ? {} : { body }),
        retry: NO_RETRY,
        timeoutMs: 5_000,
      });
      this.#trouble = undefined;
      this.#answeredAt = this.#options.monotonic();
      return lease;
    } catch (error) {
      // That there is none yet, or that another wrote it, is no trouble.
      const status = error instanceof KubeError ? error.status : 0;
      if (status !== 409 && !(status === 404 && method === 'GET')) this.#trouble = error;
      throw error;
    }
  }
}
